import { readdir, readFile } from "node:fs/promises"

/** More processes than any machine has GPUs for; the rest is not looked at. */
const mostProcesses = 4096

/**
 * KFD id of an AMD GPU → processes that have memory on it, as the kernel driver shows them under
 * `/sys/class/kfd/kfd/proc/PID/vram_ID`. Empty where there is no such driver. A process opens every GPU that it may
 * see, so only memory tells which it uses. Never throws.
 */
export async function kfdProcesses(
  root = "/sys/class/kfd/kfd/proc",
): Promise<ReadonlyMap<number, readonly number[]>> {
  const found = new Map<number, number[]>()
  const pids = (await list(root)).filter((name) => /^\d+$/.test(name))
  for (const pid of pids.slice(0, mostProcesses))
    for (const name of await list(`${root}/${pid}`)) {
      const id = /^vram_(\d+)$/.exec(name)?.[1]
      if (id === undefined || !(await holdsMemory(`${root}/${pid}/${name}`))) continue
      found.set(Number(id), [...(found.get(Number(id)) ?? []), Number(pid)])
    }
  return found
}

/** Processes come and go between two reads. */
const list = (folder: string) => readdir(folder).catch((): string[] => [])
const holdsMemory = async (path: string) => Number(await readFile(path, "utf8").catch(() => "0")) > 0
