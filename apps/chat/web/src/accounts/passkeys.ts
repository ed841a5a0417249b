/** Passkeys: what WebAuthn has in bytes travels as base64url in JSON. */
import type { Me } from "../contract.ts";
import { http } from "../http.ts";
import { RefusedError } from "../refusal.ts";

type Json = { [name: string]: unknown };
type Descriptor = { id: string; type: "public-key"; transports?: AuthenticatorTransport[] };

const bytesOf = (text: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));

const textOf = (bytes: ArrayBuffer): string =>
  btoa(String.fromCharCode(...new Uint8Array(bytes)))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");

const described = (list: unknown): PublicKeyCredentialDescriptor[] =>
  ((list ?? []) as Descriptor[]).map((one) => ({ ...one, id: bytesOf(one.id) }));

/** Logs in with a passkey of this device; undefined if whoever was asked would rather not. */
export async function logInByPasskey(): Promise<Me | undefined> {
  const { publicKey } = await http<{ publicKey: Json }>("POST", "passkeys/login/begin");
  const credential = await asked(() =>
    navigator.credentials.get({
      publicKey: {
        ...publicKey,
        challenge: bytesOf(publicKey.challenge as string),
        allowCredentials: described(publicKey.allowCredentials),
      },
    }),
  );
  if (!credential) return undefined;
  const { authenticatorData, clientDataJSON, signature, userHandle } =
    credential.response as AuthenticatorAssertionResponse;
  return http<Me>("POST", "passkeys/login/finish", {
    ...common(credential),
    response: {
      authenticatorData: textOf(authenticatorData),
      clientDataJSON: textOf(clientDataJSON),
      signature: textOf(signature),
      userHandle: userHandle && textOf(userHandle),
    },
  });
}

/** Makes a passkey on this device; false if whoever was asked would rather not. */
export async function addPasskey(name: string): Promise<boolean> {
  const { publicKey } = await http<{ publicKey: Json }>("POST", "passkeys/register/begin");
  const user = publicKey.user as Json;
  const credential = await asked(() =>
    navigator.credentials.create({
      publicKey: {
        ...publicKey,
        challenge: bytesOf(publicKey.challenge as string),
        user: { ...user, id: bytesOf(user.id as string) },
        excludeCredentials: described(publicKey.excludeCredentials),
      } as unknown as PublicKeyCredentialCreationOptions,
    }),
  );
  if (!credential) return false;
  const response = credential.response as AuthenticatorAttestationResponse;
  await http("POST", "passkeys/register/finish", {
    ...common(credential),
    ...(name && { name }),
    response: {
      attestationObject: textOf(response.attestationObject),
      clientDataJSON: textOf(response.clientDataJSON),
      transports: response.getTransports?.() ?? [],
    },
  });
  return true;
}

function common(credential: PublicKeyCredential): Json {
  const { id, rawId, type } = credential;
  return { id, rawId: textOf(rawId), type, extensions: credential.getClientExtensionResults() };
}

async function asked(ask: () => Promise<Credential | null>): Promise<PublicKeyCredential | undefined> {
  try {
    return ((await ask()) as PublicKeyCredential | null) ?? undefined;
  } catch (error) {
    const name = error instanceof DOMException ? error.name : "";
    // Cancelled, or nothing was chosen for too long.
    if (name === "NotAllowedError" || name === "AbortError") return undefined;
    throw new RefusedError({ code: name === "InvalidStateError" ? "passkey_known" : "passkey_failed" });
  }
}
