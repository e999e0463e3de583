// What the stories of the clients of Node share: the table, the questions, and the form in which they are told.
const { createHash } = require("node:crypto");

const [root, key] = process.argv.slice(2);
const TABLE = Buffer.from("a,b\n1,2\n");
const baseURL = `${root}/v1`;
const headers = { authorization: `Bearer ${key}` };

// Some of these clients have no files of their own.
async function upload() {
  const body = new FormData();
  body.append("purpose", "user_data");
  body.append("file", new Blob([TABLE]), "numbers.csv");
  const answer = await fetch(`${baseURL}/files`, { method: "POST", headers, body });
  return (await answer.json()).id;
}

async function read(citation) {
  const { container_id, file_id } = citation;
  const path = `containers/${container_id}/files/${file_id}/content`;
  return (await fetch(`${baseURL}/${path}`, { headers })).arrayBuffer();
}

async function download(citations, how = read) {
  const told = [];
  for (const each of citations) {
    const digest = createHash("sha256").update(Buffer.from(await how(each))).digest("hex");
    const { container_id, file_id, filename } = each;
    told.push({ container_id, file_id, filename, digest });
  }
  return told;
}

const code = (id) => ({
  type: "code_interpreter",
  container: { type: "auto", ...(id ? { file_ids: [id] } : {}) },
});

function tell(story) {
  story().then(
    (told) => console.log(JSON.stringify(told)),
    (error) => {
      console.error(error);
      process.exitCode = 1;
    },
  );
}

module.exports = {
  baseURL,
  code,
  download,
  key,
  tell,
  upload,
  DRAW: "Draw the table, and keep a copy.",
  MODEL: "gpt-4o",
  SUM: "What is the sum of b?",
  TABLE,
};
