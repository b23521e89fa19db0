import { open } from "node:fs/promises"

/** The shell's own last words say best why a command cannot run. */
export async function cannotRunSentence(code: number, logPath: string): Promise<string> {
  const start = code === 127 ? "The command was not found" : "The command could not be executed"
  const last = await lastLine(logPath)
  return last === "" ? `${start}.` : `${start}: ${withoutPlace(last)}`
}

/** Shells begin with their script and its line: what is left is about what the user wrote. */
function withoutPlace(line: string): string {
  return line.replace(/^\S*\/(?:entry|launch): (?:line )?\d+: /, "")
}

async function lastLine(path: string): Promise<string> {
  try {
    await using file = await open(path, "r")
    const { size } = await file.stat()
    const length = Math.min(size, 512)
    const { buffer } = await file.read(Buffer.alloc(length), 0, length, size - length)
    return buffer.toString("utf8").trimEnd().split("\n").at(-1)?.slice(-300) ?? ""
  } catch {
    return ""
  }
}
