/** The built file of npm `sockjs-client`: what it exports is made like the browser's `WebSocket`. */
declare module "sockjs-client/dist/sockjs.min.js" {
  const SockJS: new (url: string, reserved?: undefined, options?: { transports?: string[] }) => WebSocket;
  export default SockJS;
}
