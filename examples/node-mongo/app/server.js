// Notes: POST a line to /, GET them all from /. Answers /healthz while the database answers.
import { createServer } from "node:http";
import { hostname } from "node:os";
import { MongoClient } from "mongodb";

const mongo = new MongoClient(process.env.MONGO_URL);
const notes = mongo.db().collection("notes");

async function body(request) {
  let text = "";
  for await (const part of request) text += part;
  return text;
}

const server = createServer(async (request, response) => {
  try {
    if (request.url === "/healthz") {
      await mongo.db().command({ ping: 1 });
      return response.end("ok\n");
    }
    if (request.method === "POST") await notes.insertOne({ text: await body(request) });
    const all = await notes.find().toArray();
    const lines = all.map((note) => note.text);
    response.end([`version 1 on ${hostname()}`, ...lines, ""].join("\n"));
  } catch (fault) {
    response.writeHead(500).end(`${fault.message}\n`);
  }
});

server.listen(3000);

// Finish what was begun: the old container is asked to stop once the new one serves.
process.on("SIGTERM", () => server.close(() => mongo.close().then(() => process.exit(0))));
