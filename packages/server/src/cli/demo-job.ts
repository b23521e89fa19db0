import { quoteWord } from "./quote.ts"

/**
 * The program that each rank of the demo runs: it says who it is, meets the others over TCP at MASTER_ADDR and
 * adds up a vector with them, as the first step of any distributed training does.
 */
const program = String.raw`
import net from "node:net"

const rank = Number(process.env.RANK)
const world = Number(process.env.WORLD_SIZE)
const host = process.env.MASTER_ADDR
const port = Number(process.env.MASTER_PORT)
console.log("RANK=%d WORLD_SIZE=%d MASTER_ADDR=%s MASTER_PORT=%d", rank, world, host, port)
console.log("GPUs %s on node %s%s", process.env.CUDA_VISIBLE_DEVICES, process.env.BERTH_NODE,
  process.env.BERTH_GPU_SIMULATED ? " (simulated)" : "")

const gradient = [1, 2, 3, 4].map((x) => x * (rank + 1))
console.log("my part of the gradient:", gradient.join(" "))

function lines(socket, take) {
  let rest = ""
  socket.setEncoding("utf8")
  socket.on("data", (text) => {
    const parts = (rest + text).split("\n")
    rest = parts.pop()
    for (const part of parts) take(JSON.parse(part))
  })
}

function finish(sum) {
  console.log("sum over all %d ranks: %s", world, sum.join(" "))
  const factor = (world * (world + 1)) / 2
  const isRight = sum.every((x, i) => x === (i + 1) * factor)
  console.log(isRight ? "the sum is right" : "the sum is wrong")
  process.exitCode = isRight ? 0 : 1
}

if (rank === 0) {
  const sum = [...gradient]
  const peers = []
  const server = net.createServer((socket) => {
    lines(socket, (message) => {
      console.log("rank %d has joined", message.rank)
      message.gradient.forEach((x, i) => (sum[i] += x))
      peers.push(socket)
      if (peers.length < world - 1) return
      for (const peer of peers) peer.end(JSON.stringify(sum) + "\n")
      server.close()
      finish(sum)
    })
  })
  server.listen(port, host)
  if (world === 1) server.close(() => finish(sum))
} else {
  const deadline = Date.now() + 30000
  const join = () => {
    const socket = net.connect(port, host, () => {
      socket.write(JSON.stringify({ rank, gradient }) + "\n")
      lines(socket, finish)
    })
    socket.on("error", (error) => {
      if (Date.now() > deadline) throw error
      setTimeout(join, 50)
    })
  }
  join()
}
`

const mark = "END_OF_PROGRAM"

/** The entry point: writes the program to the pod's folder and becomes it, in the given Node. */
export function demoEntryPoint(nodePath: string): string {
  return `cat > all-reduce.mjs <<'${mark}'\n${program.trim()}\n${mark}\nexec ${quoteWord(nodePath)} all-reduce.mjs\n`
}
