/**
 * Entry points that run on this very Node: what they need besides is in the pod's environment.
 */
export function nodeProgram(source: string): string {
  return `#!${process.execPath} --disable-warning=ExperimentalWarning\n${source}`
}

/**
 * Two or more ranks that meet over TCP and add up a number each: every rank prints who it is and the sum.
 */
export const meetingRanks = nodeProgram(`
const { createServer, connect } = require("node:net")
const rank = Number(process.env.RANK)
const world = Number(process.env.WORLD_SIZE)
const host = process.env.MASTER_ADDR
const port = Number(process.env.MASTER_PORT)
console.log("RANK=" + rank + " WORLD_SIZE=" + world + " MASTER_ADDR=" + host + " GPUS=" + process.env.CUDA_VISIBLE_DEVICES)
const part = (rank + 1) * 10
const tell = (sum) => console.log("rank " + rank + ": the sum is " + sum)
if (rank === 0) {
  let sum = part
  const peers = []
  const server = createServer((peer) => {
    peer.once("data", (text) => {
      sum += Number(text)
      peers.push(peer)
      if (peers.length < world - 1) return
      for (const one of peers) one.end(String(sum))
      tell(sum)
      server.close()
    })
  }).listen(port, host)
} else {
  const deadline = Date.now() + 60_000
  const meet = () => {
    const peer = connect(port, host, () => peer.write(String(part)))
    peer.once("data", tell)
    peer.once("error", (error) => {
      if (Date.now() > deadline) throw error
      setTimeout(meet, 20)
    })
  }
  meet()
}
`)

/**
 * A web server on the pod's own address, port 8080: answers with who it is and its VERSION. Told to end, it takes no
 * new connection and finishes the requests that it has.
 */
export const webServer = nodeProgram(`
const { createServer } = require("node:http")
const server = createServer((request, response) => {
  response.setHeader("connection", "close")
  response.end(JSON.stringify({ pid: process.pid, version: process.env.VERSION }))
})
server.listen(8080, process.env.POD_IP, () => console.log("serves on " + process.env.POD_IP))
process.once("SIGTERM", () => server.close(() => process.exit(0)))
`)
