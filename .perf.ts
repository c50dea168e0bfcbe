import { readFileSync } from "node:fs";
import { loadConfig } from "#config";
import { makeLogger } from "#telemetry/log";
import { makeServer } from "#http/server";
import { openDb } from "#store/client";
import { migrate } from "#store/migrate";
import { Pool } from "undici";
const config = loadConfig({ DATABASE_URL: readFileSync("/tmp/hh/url","utf8"), NATS_URL:"nats://x:1", HOST_URL:"http://localhost:1", LOG_LEVEL: "error" });
const log = makeLogger(config, "t"); const db = openDb(config, log);
await db.use((sql)=>sql.unsafe("drop schema public cascade; create schema public")); await migrate(db);
const door = { up:true, ring(){}, async progress(){}, async ask(c:any){ return {status:200,id:c.target,state:"Success",attempt:0}; } };
const app = await makeServer({config, log, db, door: door as any}); const url=await app.listen({port:0,host:"127.0.0.1"});
const body=JSON.stringify([{id:"a",name:"build the thing",kind:"build",timeout:60,metadata:{project:"x"},on_start:{kind:"Webhook",params:{url:"http://127.0.0.1:9000/hook",verb:"Post",body:{a:1}}}}]);
for (const conns of [1,8,32,64]) { const pool=new Pool(url,{connections:conns,pipelining:1});
const req={path:"/task",method:"POST",headers:{"content-type":"application/json"},body} as any; const n=conns===1?1000:6000;
for(let k=0;k<3;k++){ let i=0; const t=performance.now(); const c=process.cpuUsage(); await Promise.all(Array.from({length:conns},async()=>{while(i++<n){const r=await pool.request(req); await r.body.dump(); if(r.statusCode>=300) throw r.statusCode;}})); const d=process.cpuUsage(c); console.log(conns,"conns POST", Math.round(n/(performance.now()-t)*1000),"/s; cpu us each (client included)", Math.round((d.user+d.system)/n)); } await pool.close(); }
await app.close(); await db.close();
