import{d as I}from"./chunk-2WVJ2N7D.js";import{a as N,f as k,g as P}from"./chunk-5JIPJFFW.js";import{a as L}from"./chunk-NCJJM62C.js";import{h as y,o as O}from"./chunk-T3VCDSVK.js";import{e as A,f as S}from"./chunk-UI7A4J44.js";import{b as _}from"./chunk-5VMG5BER.js";import"./chunk-KMAKT67E.js";import{d as x}from"./chunk-4GNLBXQK.js";import{d,e as v,k as f,u as p}from"./chunk-KW7HKWQM.js";import"./chunk-OOJM4CTU.js";var g=class{constructor(e,n,o){this.python=e;this.javascript=n;this.shell=o}python;javascript;shell},j={python:"    ",javascript:"  "},H={python:{true:"True",false:"False",null:"None"},javascript:{}};function u(t,e,n=0){if(t instanceof g)return t[e];if(typeof t!="object"||t===null)return J(t,e);let o=Array.isArray(t),s=o?t.map(c=>u(c,e,n+1)):Object.entries(t).map(([c,l])=>`${K(c,e)}: ${u(l,e,n+1)}`),[r,a]=o?["[","]"]:["{","}"],i=!o&&e==="javascript"&&s.length?`{ ${s.join(", ")} }`:`${r}${s.join(", ")}${a}`;return i.length+n*j[e].length<=80&&!i.includes(`
`)?i:`${r}
${E(s,e,n+1)}
${j[e].repeat(n)}${a}`}function m(t,e){let n=e==="python"?"=":": ",o=Object.entries(t).map(([s,r])=>`${s}${n}${u(r,e,1)}`);return E(o,e,1)}function $(t){let e=new Map,n=JSON.stringify(t,(o,s)=>{if(!(s instanceof g))return s;let r=`\0${e.size}\0`;return e.set(JSON.stringify(r).slice(1,-1),s.shell),r},2).replaceAll("'","'\\''");return`'${[...e].reduce((o,[s,r])=>o.replace(s,()=>`'"$${r}"'`),n)}'`}function J(t,e){let n=JSON.stringify(t??null);return H[e][n]??n}function K(t,e){return e==="javascript"&&/^[a-z_]\w*$/i.test(t)?t:JSON.stringify(t)}function E(t,e,n){return t.map(o=>`${j[e].repeat(n)}${o},`).join(`
`)}function Q({base:t,thread:e,assistant:n,question:o,run:s}){let r=o.attachments.map(({file_id:c,tools:l})=>({file_id:c,tools:l})),a={role:"user",content:o.content,...r.length&&{attachments:r}},i={assistant_id:n,...s};return{Python:`${C(t)}
client.beta.threads.messages.create(
    ${u(e,"python")},
${m(a,"python")}
)
${z(u(e,"python"),i)}`,Node:`${M(t)}
await client.beta.threads.messages.create(${u(e,"javascript")}, {
${m(a,"javascript")}
});
${B(u(e,"javascript"),i)}`,curl:`${T(t)}
call threads/${e}/messages ${$(a)}
call threads/${e}/runs ${$({...i,stream:!0})}
`}}function R({base:t,form:e,question:n,run:o}){let s=n.attachments.map(({name:c})=>c),r=n.attachments.map(({tools:c},l)=>({file_id:new g(`files[${l}].id`,`files[${l}].id`,`file${l}`),tools:c})),a=[{role:"user",content:n.content,...r.length&&{attachments:r}}],i={assistant_id:new g("assistant.id","assistant.id","assistant"),...o};return{Python:`${C(t)}
assistant = client.beta.assistants.create(
${m(e,"python")}
)
${s.length?`names = ${u(s,"python")}
files = [client.files.create(file=open(name, "rb"), purpose="assistants") for name in names]
`:""}thread = client.beta.threads.create(
${m({messages:a},"python")}
)
${z("thread.id",i)}`,Node:`${s.length?`import fs from "node:fs";
`:""}${M(t)}
const assistant = await client.beta.assistants.create({
${m(e,"javascript")}
});
${s.length?`const names = ${u(s,"javascript")};
const files = await Promise.all(
  names.map((name) => client.files.create({ file: fs.createReadStream(name), purpose: "assistants" })),
);
`:""}const thread = await client.beta.threads.create({
${m({messages:a},"javascript")}
});
${B("thread.id",i)}`,curl:`${T(t)}
assistant=$(call assistants ${$(e)} | grep -o 'asst_[A-Za-z0-9]*' | head -n 1)
${s.map((c,l)=>`file${l}=$(send files -F purpose=assistants -F file=@${W(c)} | grep -o 'file-[A-Za-z0-9]*' | head -n 1)
`).join("")}call threads/runs ${$({...i,thread:{messages:a},stream:!0})}
`}}var C=t=>`import os

from openai import OpenAI

client = OpenAI(base_url=${u(t,"python")}, api_key=os.environ["OPENAI_API_KEY"])
`,M=t=>`import OpenAI from "openai";

const client = new OpenAI({ baseURL: ${u(t,"javascript")}, apiKey: process.env.OPENAI_API_KEY });
`,T=t=>`send() {
  path=$1; shift
  curl -sSN "${t}/$path" -H "Authorization: Bearer $OPENAI_API_KEY" -H "OpenAI-Beta: assistants=v2" "$@"
}
call() { send "$1" -H "Content-Type: application/json" -d "$2"; }
`;function z(t,e){return`with client.beta.threads.runs.stream(
    thread_id=${t},
${m(e,"python")}
) as stream:
    for text in stream.text_deltas:
        print(text, end="", flush=True)
`}function B(t,e){return`const stream = client.beta.threads.runs.stream(${t}, {
${m(e,"javascript")}
});
stream.on("textDelta", ({ value }) => process.stdout.write(value ?? ""));
await stream.finalRun();
`}function W(t){return`'${t.replaceAll("'","'\\''")}'`}var Y=["Python","Node","curl"],D=()=>I.value=null;function ft(){let[t,e]=d(!1),[n,o]=d("Python"),s=F(),r=s?q(s,t)[n]:"";return p(N,{name:f.copyAs,class:"copy-as",onClose:D,children:[p("div",{class:"row",children:[p("select",{"aria-label":f.copyWhat,value:String(t),onChange:a=>e(a.currentTarget.value==="true"),children:[p("option",{value:"false",children:f.thisMessage}),p("option",{value:"true",children:f.wholeSetup})]}),p("select",{"aria-label":f.language,value:n,onChange:a=>o(a.currentTarget.value),children:Y.map(a=>p("option",{children:a},a))}),p(P,{text:r}),p(_,{icon:"close",name:f.close,onClick:D})]}),p("pre",{tabIndex:0,dir:"ltr",children:p("code",{children:r?k(r,n.toLowerCase()):f.nothingSaid})})]})}function F(){let[t,e]=d(null);return v(()=>{let o=(O.value?.entries.value??[]).findLast(s=>s.kind==="message"&&s.message.value.role==="user");o?.kind==="message"&&U(o.message.value).then(e)},[]),t}async function U({content:t,attachments:e}){let n=t.map(r=>r.type==="text"?r.text.value:"").join(`
`),s=(e??[]).flatMap(({file_id:r,tools:a})=>r?[{file_id:r,tools:a??[]}]:[]).map(async r=>({...r,name:await x(r.file_id).catch(()=>r.file_id)}));return{content:n,attachments:await Promise.all(s)}}function q(t,e){let n=`${location.origin}/v1`,o={...S.value,...y.value};if(e)return R({base:n,form:G(),question:t,run:y.value});let{thread_id:s,assistant_id:r}=L.value;return Q({base:n,thread:s,assistant:r,question:t,run:h(o)})}function G(){let{name:t,model:e,instructions:n,tools:o,tool_resources:s,temperature:r,top_p:a,...i}=A.value,{reasoning_effort:c,response_format:l,metadata:w}=i;return h({model:e,name:t,instructions:n,tools:o,tool_resources:b(s)?null:s,temperature:r===1?null:r,top_p:a===1?null:a,reasoning_effort:c,response_format:l==="auto"?null:l,metadata:b(w)?null:w})}function h(t){if(Array.isArray(t))return t.map(h);if(typeof t!="object"||t===null)return t;let e=Object.entries(t).filter(([,n])=>n!=null);return Object.fromEntries(e.map(([n,o])=>[n,h(o)]))}function b(t){return typeof t=="object"&&(t===null||Object.values(t).every(b))}export{ft as CopyAs};
