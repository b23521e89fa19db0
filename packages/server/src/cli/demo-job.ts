import { quoteWord } from "./quote.ts"

/**
 * The program that each rank of the demo runs: it says who it is, meets the others over TCP at MASTER_ADDR and
 * adds up a gradient with them, step by step, as any data-parallel training does. Ends with 1 for a wrong sum.
 */
const program = String.raw`
import net from "node:net"

const { RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT, CUDA_VISIBLE_DEVICES, BERTH_NODE } = process.env
const rank = Number(RANK), world = Number(WORLD_SIZE), steps = 4
console.log("RANK=%s WORLD_SIZE=%s MASTER_ADDR=%s MASTER_PORT=%s", RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT)
console.log("GPUs %s of node %s%s", CUDA_VISIBLE_DEVICES, BERTH_NODE,
  process.env.BERTH_GPU_SIMULATED ? " (simulated)" : "")

/** Calls take with each JSON line. */
function onMessages(socket, take) {
  let rest = ""
  socket.setEncoding("utf8")
  socket.on("data", (text) => {
    const lines = (rest + text).split("\n")
    rest = lines.pop()
    for (const line of lines) take(JSON.parse(line))
  })
}
const send = (socket, message) => socket.write(JSON.stringify(message) + "\n")

/** Rank 0 gathers a part of every rank, adds them up and sends the sum to all. */
function gather() {
  const server = net.createServer()
  const sockets = []
  let waiting = [], done
  const add = (part) => {
    waiting.push(part)
    if (waiting.length < world) return
    const sum = waiting[0].map((_, i) => waiting.reduce((total, one) => total + one[i], 0))
    waiting = []
    for (const socket of sockets) send(socket, sum)
    done(sum)
  }
  server.on("connection", (socket) => {
    sockets.push(socket)
    console.log("%d of %d ranks have joined", sockets.length + 1, world)
    onMessages(socket, add)
  })
  server.listen(Number(MASTER_PORT), MASTER_ADDR)
  return {
    allReduce: (part) => new Promise((resolve) => ((done = resolve), add(part))),
    close: () => { for (const socket of sockets) socket.end(); server.close() },
  }
}

/** The others send their part and get the sum. The master may start later: they try for half a minute. */
async function join() {
  const deadline = Date.now() + 30_000
  for (;;) {
    const socket = net.connect(Number(MASTER_PORT), MASTER_ADDR)
    const isUp = await new Promise((resolve) => socket.once("connect", () => resolve(true)).once("error", () => resolve(false)))
    if (!isUp) {
      if (Date.now() > deadline) throw new Error("nobody answers at " + MASTER_ADDR)
      await new Promise((resolve) => setTimeout(resolve, 50))
      continue
    }
    let done
    onMessages(socket, (sum) => done(sum))
    return {
      allReduce: (part) => new Promise((resolve) => ((done = resolve), send(socket, part))),
      close: () => socket.end(),
    }
  }
}

const peers = rank === 0 ? gather() : await join()
for (let step = 1; step <= steps; step++) {
  const sum = await peers.allReduce([1, 2, 3].map((x) => x * step * (rank + 1)))
  const isRight = sum.every((x, i) => x === (i + 1) * step * ((world * (world + 1)) / 2))
  console.log("step %d/%d: all-reduce gives %s%s", step, steps, sum.join(" "), isRight ? "" : ", which is wrong")
  if (!isRight) process.exitCode = 1
  await new Promise((resolve) => setTimeout(resolve, 400))
}
peers.close()
`

const mark = "END_OF_PROGRAM"

/** The entry point: writes the program to the pod's folder and becomes it, in the given Node. */
export function demoEntryPoint(nodePath: string): string {
  return `cat > all-reduce.mjs <<'${mark}'\n${program.trim()}\n${mark}\nexec ${quoteWord(nodePath)} all-reduce.mjs\n`
}
