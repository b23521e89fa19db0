import { describe, expect, it } from "vitest"
import type { GpuRequestReason } from "../board/board-types.ts"
import { aGpuRequest, aHeldNode } from "../gpu-request-suite.ts"
import { instantText, lengthText, listed, noBlockers, reasonSentence, stateSentences } from "./sentences.ts"
import type { GpuRequestId } from "../types.ts"

const untilMs = Date.UTC(2030, 0, 1, 12, 30, 5, 400)
const requestIds = ["gpr_1"] as unknown as readonly GpuRequestId[]
const short = { code: "quota_short", requestIds, nodes: ["n1"], needed: 2, free: 1, untilMs } as const
const nearest = {
  clusterId: "lab",
  instanceType: "t4-1g",
  gpuModel: "Tesla-T4",
  memoryGibPerGpu: 15,
  gpusPerNode: 1,
  nodes: 2,
}

describe("sentences on reasons", () => {
  it.each<[GpuRequestReason, string]>([
    [{ code: "queue_paused" }, "The queue is paused."],
    [
      { code: "cannot_be_met", detail: "No GPU has 25 GiB", nearest },
      "No GPU has 25 GiB. Nearest to it: 2 nodes of t4-1g with 1 x Tesla-T4 (15 GiB per GPU) in cluster lab.",
    ],
    [{ code: "cannot_be_met", detail: "There are none.", nearest: null }, "There are none."],
    [
      { code: "nodes_unhealthy", nodes: ["n1", "n2"] },
      "Too few of the nodes it could use are healthy (n1, n2).",
    ],
    [{ code: "cordoned", nodes: [] }, "Too few of the nodes it could use take anything new: cordoned."],
    [{ code: "draining", nodes: ["n1"] }, "The nodes it could use are being drained (n1)."],
    [
      { code: "workspace_busy", requestIds, untilMs },
      "Its workspace has as many GPU requests as it may: gpr-a, until 2030-01-01T12:30:05Z.",
    ],
    [
      short,
      "It needs 2 nodes, and 1 of those it could use is free. The others are held by gpr-a until 2030-01-01T12:30:05Z (n1).",
    ],
    [
      { ...short, requestIds: [], untilMs: null },
      "It needs 2 nodes, and 1 of those it could use is free. Work that no GPU request holds them for is still on the others (n1).",
    ],
    [
      { code: "blocked_by", requestIds, untilMs },
      "Nodes are free, but promised to gpr-a ahead of it, until 2030-01-01T12:30:05Z.",
    ],
  ])("say it: %j", (reason, sentence) => {
    expect(reasonSentence(reason, { shown: ["gpr-a"], hidden: 0 })).toBe(sentence)
  })

  it("count those whom the reader may not see", () => {
    expect(reasonSentence(short, { shown: [], hidden: 2 })).toContain("held by 2 of other workspaces until")
    expect(reasonSentence(short, { shown: ["gpr-a"], hidden: 3 })).toContain("held by gpr-a and 3 more until")
    expect(reasonSentence({ ...short, free: 0, needed: 1 }, noBlockers)).toContain(
      "It needs 1 node, and none of those it could use are free. The others are held until",
    )
  })
})

describe("sentences on states", () => {
  it("say who holds what until when, and how it ended", () => {
    const nodes = [aHeldNode("n1"), aHeldNode("n2")]
    const held = aGpuRequest({ state: "provisioned", nodes, endsAtMs: untilMs })
    expect(stateSentences(held)).toEqual(["It holds n1, n2 until 2030-01-01T12:30:05Z."])
    expect(stateSentences(aGpuRequest())).toEqual([])
    const lost = aGpuRequest({ state: "error", endedAtMs: untilMs, failureReason: "Node n1 was lost" })
    expect(stateSentences(lost)).toEqual(["It failed at 2030-01-01T12:30:05Z.", "Node n1 was lost."])
  })
})

describe("the sentence on an automatic request", () => {
  it("says whose it is, also while it waits", () => {
    const automatic = { ownerId: "wl_1", ownerShownId: "train-x7kqd", stepMs: 1, hasEnd: false }
    expect(stateSentences(aGpuRequest({ automatic }))).toEqual([
      "It was filed for train-x7kqd and ends with it.",
    ])
  })
})

describe("words for numbers", () => {
  it.each([
    [0, "0 s"],
    [1, "1 s"],
    [59_001, "1 min"],
    [61_000, "1 min 1 s"],
    [7_800_000, "2 h 10 min"],
    [3_600_000, "1 h"],
    [86_400_000 + 60_000, "1 d"],
    [90_000_000, "1 d 1 h"],
    [-5, "0 s"],
  ])("%d ms are %s", (ms, text) => {
    expect(lengthText(ms)).toBe(text)
  })

  it("name five at most, and say so of an instant that nobody knows", () => {
    expect(listed(["a", "b", "c", "d", "e", "f", "g"])).toBe("a, b, c, d, e and 2 more")
    expect(listed([])).toBe("nothing")
    expect(instantText(null)).toBe("an unknown time")
  })
})
