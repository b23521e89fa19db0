// Writes what the documents take from the code: run `npm run docs` after a change of a state table.
import { readFileSync, writeFileSync } from "node:fs"
import { renderDocuments } from "./documents.ts"

for (const { path, text } of renderDocuments((path) => readFileSync(path, "utf8"))) writeFileSync(path, text)
