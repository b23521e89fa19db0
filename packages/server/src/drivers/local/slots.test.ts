import { expect, it } from "vitest"
import { createSlots } from "./slots.ts"

it("lets so many begin, the others in their order as room is given back, and leaves out who waits no more", () => {
  const slots = createSlots(2)
  const begun: string[] = []
  const releases = new Map<string, () => void>()
  const take = (name: string) =>
    slots.take((release) => {
      begun.push(name)
      releases.set(name, release)
    })
  const release = (name: string) => releases.get(name)?.()
  for (const name of ["a", "b", "c"]) take(name)
  const cancel = take("d")
  take("e")
  expect(begun).toEqual(["a", "b"])
  release("b")
  release("b")
  expect(begun).toEqual(["a", "b", "c"])
  cancel()
  release("a")
  expect(begun).toEqual(["a", "b", "c", "e"])
  release("c")
  release("e")
  take("f")
  expect(begun.at(-1)).toBe("f")
})
