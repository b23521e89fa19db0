import { expect, it } from "vitest"
import { createVirtualClock } from "../../kit/clock.ts"
import { createIdempotency, type IdempotencyStore } from "./idempotency.ts"
import type { Store } from "./ports.ts"

it("what a request has begun, and goes on after its answer, leaves the answer alone", async () => {
  const marks: string[] = []
  const rows = {
    mark: () => Promise.resolve(void marks.push("mark")),
    keep: () => Promise.resolve(void marks.push("keep")),
    find: () => Promise.resolve(undefined),
  } as unknown as IdempotencyStore
  const tx = (closure: (tx: never) => Promise<unknown>) => closure({} as never)
  const inner = { committed: {}, tx } as unknown as Store
  const { store, begin } = createIdempotency({ store: inner, rows, clock: createVirtualClock() })
  const request = { userId: "u", route: "POST /x", key: "k", bodyHash: "h" }
  const begun = await begin(request, { replaysAnyBody: false, isRepeatable: false })
  if (!("run" in begun)) throw new Error("It is known already.")
  const answered = Promise.withResolvers<undefined>()
  const later = Promise.withResolvers<undefined>()
  const done = Promise.withResolvers<undefined>()
  async function goOn(): Promise<void> {
    await store.tx(() => Promise.resolve())
    answered.resolve(undefined)
    await later.promise
    // as a timer or a reconciler does that the change woke
    await store.tx(() => Promise.resolve())
    done.resolve(undefined)
  }
  begun.run(() => void goOn())
  await answered.promise
  await begun.end({ status: 201, headers: {}, body: "" } as never)
  later.resolve(undefined)
  await done.promise
  expect(marks).toEqual(["mark", "keep"])
})
