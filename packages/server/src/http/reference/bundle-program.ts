import { gzipSync } from "node:zlib"
import reference from "@scalar/fastify-api-reference"
import { fastify } from "fastify"

// Writes the browser script of the reference page, gzipped, to its standard output. A program of its own: the package
// gives the script only through its plugin, and takes some 80 MB to do so, which the server would keep.
const app = fastify()
await app.register(reference, { routePrefix: "/reference", configuration: { url: "unused" } })
const { statusCode, rawPayload } = await app.inject("/reference/js/scalar.js")
await app.close()
if (statusCode !== 200) throw new Error(`The script of the reference page is not there: ${statusCode}.`)
process.stdout.write(gzipSync(rawPayload, { level: 9 }))
