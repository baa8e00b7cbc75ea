import { fork } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import { newProfile, openPage, timeLoad, timeDownload } from './chromium.mjs'
import { makeRepository } from './repository.mjs'
const rep=await makeRepository('.cache/load/repository')
const server = fork('tests/bench/load/server.mjs', ['.cache/load'], { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] })
const port = await new Promise((done) => server.stdout.once('data', (text) => done(Number(text))))
const address=`http://localhost:${port}/repository/`
function snap(){const out={};const parents=new Map();for(const n of readdirSync('/proc')){if(!/^\d+$/.test(n))continue;try{parents.set(+n,+readFileSync(`/proc/${n}/stat`,'utf8').replace(/^.*\) /,'').split(' ')[1])}catch{}}
 const below=p=>p!==undefined&&p>1&&(parents.get(p)===process.pid||below(parents.get(p)))
 for(const p of parents.keys()) if(below(p)) try{const c=readFileSync(`/proc/${p}/cmdline`,'utf8'); if(c.includes('server.mjs'))continue; const t=/--type=([a-z-]+)/.exec(c)?.[1]??'browser'; const k=t+(/--utility-sub-type=([\w.]+)/.exec(c)?.[1]?.split('.').at(-1)??''); const r=readFileSync(`/proc/${p}/smaps_rollup`,'utf8'); out[k]=(out[k]??0)+Number(/^Pss:\s+(\d+)/m.exec(r)[1])/1000}catch{}
 return out}
const sum=o=>Object.values(o).reduce((a,b)=>a+b,0)
for(const cache of [false,true,false,true]){
 const {profile,remove}=newProfile(); const p=await openPage(`http://127.0.0.1:${port}/`,profile)
 if(!cache) await timeDownload(p,{address,span:rep.span})
 await p.cdp.send('HeapProfiler.collectGarbage')
 const idle=snap(); let peak=idle, at=0; let run=true; const t0=Date.now()
 const w=(async()=>{while(run){const s=snap(); if(sum(s)>sum(peak)){peak=s;at=Date.now()-t0} await new Promise(r=>setTimeout(r,50))}})()
 const {ms}=await timeLoad(p,{address,cache}); run=false; await w
 console.log(cache?'kept':'read',ms.toFixed(0),'peak at',at,'×',((sum(peak)-sum(idle))/835.58).toFixed(3),Object.keys(peak).map(k=>`${k} ${idle[k]?.toFixed(0)}→${peak[k].toFixed(0)} (+${(peak[k]-(idle[k]??0)).toFixed(0)})`).join(', '))
 await p.close(); remove()
}
server.kill(); process.exit()
