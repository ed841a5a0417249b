// scratch: first load by module
import { build } from "vite";
import { gzipSync } from "node:zlib";
const r = await build({ logLevel: "error", build: { write: false } });
const out = r.output;
const by = new Map(out.map(o=>[o.fileName,o]));
const html=out.find(o=>o.fileName.endsWith(".html")).source; const entry = out.find(o=>o.type==="chunk"&&html.includes(o.fileName));
const seen = new Set(); const walk=f=>{ if(seen.has(f))return; seen.add(f); const c=by.get(f); for(const i of c.imports??[])walk(i); };
walk(entry.fileName);
const extra = process.argv.slice(2);
for(const o of out) if(o.type==="chunk"&&extra.some(e=>o.fileName.includes("/"+e+"-")))walk(o.fileName);
let total=0; const css=new Set();
for(const f of seen){ const c=by.get(f); const g=gzipSync(c.code,{level:9}).length; total+=g; console.log(f,c.code.length,g, Object.keys(c.modules).length); for(const s of c.viteMetadata?.importedCss??[])css.add(s);}
for(const s of css){const g=gzipSync(by.get(s).source,{level:9}).length; total+=g; console.log(s,by.get(s).source.length,g);}
console.log("TOTAL",total);
const mods=[];
for(const f of seen){const c=by.get(f); for(const [m,i] of Object.entries(c.modules)) mods.push([i.renderedLength,m.replace(/.*\/(apps|clients|node_modules)\//,"$1/"),f, i.code?gzipSync(i.code,{level:9}).length:0]);}
mods.sort((a,b)=>b[3]-a[3]);
for(const m of mods.slice(0,110)) console.log(m[3],m[0],m[1],m[2].replace("assets/",""));
const dirs={}; for(const m of mods){const d=m[1].split("/").slice(0,m[1].startsWith("apps")?5:4).join("/"); dirs[d]=(dirs[d]??0)+m[3];}
console.log(dirs);
