import type { ListWorkloadsResponse } from "@berth/contract/workloads"
import { Value } from "typebox/value"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { WorkloadDetailSchema } from "@berth/contract/workloads"
import type { FakePlane } from "./fake-plane.ts"
import { startFakePlane, trainingJob } from "./fake-plane.ts"

const small = { replica: 1, cpu: "1", memory: "1Gi" }

interface Condition {
  readonly type: string
  readonly reason: string
  readonly message: string
}

describe.each([{ noAuth: true }, { noAuth: false }])(
  "the documented requests, $noAuth for no-auth",
  ({ noAuth }) => {
    let server: FakePlane
    beforeAll(async () => {
      server = await startFakePlane({ noAuth })
    })
    afterAll(() => server.close())
    beforeEach(() => server.programs.clear())

    const conditionsOf = (workload: Readonly<Record<string, unknown>>) =>
      (workload["conditions"] as readonly Condition[]).map(({ type, reason }) => `${type} ${reason}`)

    it("take a job from its creation to its success, its log and the end of its life", async () => {
      server.programs.set("train", (index) => ({
        runMs: 65_000,
        lines: [{ afterMs: 0, text: `rank ${index}` }],
      }))
      const id = await server.create({ timeout: 3600 })
      expect(id).toMatch(/^train-[bcdfghjklmnpqrstvwxz2456789]{5}$/)
      expect(await server.get(id)).toMatchObject({
        phase: "Pending",
        secondsUntilTimeout: -1,
        runtime: "0s",
      })

      const running = await server.until(id, "Running")
      expect(Value.Errors(WorkloadDetailSchema, running)).toEqual([])
      expect(running).toMatchObject({
        workloadId: id,
        workspaceId: "team",
        clusterId: "local",
        displayName: "train",
        description: "a training job",
        message: "",
        schedulerOrder: 0,
        dispatchCount: 1,
        timeout: 3600,
        endTime: "",
        deletionTime: "",
        resource: { ...trainingJob.resource, sharedMemory: "32Gi" },
        entryPoint: trainingJob.entryPoint,
        env: { MODEL: "tiny" },
        groupVersionKind: { version: "v1", kind: "PyTorchJob" },
        pods: [
          { podId: `${id}-master-0`, rank: "0", phase: "Running", containers: [] },
          { podId: `${id}-worker-0`, rank: "1", phase: "Running", containers: [] },
        ],
      })
      const sorted = (lists: unknown) => (lists as string[][]).map((list) => list.toSorted())
      expect(sorted(running["nodes"])).toEqual([["node-a", "node-b"]])
      expect(sorted(running["ranks"])).toEqual([["0", "1"]])
      expect(running["k8sObjectUid"]).toMatch(/^[0-9a-f-]{36}$/)

      await server.clock.advance(60_000)
      const done = await server.until(id, "Succeeded")
      expect(done).toMatchObject({ runtime: "1m5s", secondsUntilTimeout: 0 })
      expect(done["pods"]).toMatchObject([
        { phase: "Succeeded", containers: [{ name: "pytorch", reason: "Completed", exitCode: 0 }] },
        { phase: "Succeeded" },
      ])
      expect(conditionsOf(done)).toEqual(
        ["AdminScheduled", "AdminDispatched", "K8sRunning", "K8sSucceeded"].map(
          (type) => `${type} run_1_times`,
        ),
      )

      const log = { workloadId: id, podId: `${id}-worker-0`, namespace: "team", logs: ["rank 1", ""] }
      expect((await server.send({ path: `/${id}/pods/${id}-worker-0/logs?tailLines=10` })).json).toEqual(log)
      expect((await server.send({ path: `/${id}/pods/${id}-worker-0/containers` })).json).toEqual({
        containers: [{ name: "pytorch" }],
        shells: ["bash", "sh", "zsh"],
      })
      await server.clock.advance(61_000)
      const old = await server.get(id)
      expect(old).toMatchObject({ phase: "Succeeded", runtime: "1m5s" })
      expect(old["deletionTime"]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/)
      expect((await server.send({ path: `/${id}/pods/${id}-worker-0/logs` })).json).toEqual(log)
    })

    it("record every attempt of a job that fails", async () => {
      server.programs.set("failing", (_, run) => ({ runMs: 1000, exitCode: run }))
      const id = await server.create({ displayName: "failing", maxRetry: 2, resource: small })
      const failed = await server.until(id, "Failed")
      expect(failed).toMatchObject({
        dispatchCount: 3,
        maxRetry: 2,
        nodes: [[expect.any(String)], [expect.any(String)], [expect.any(String)]],
      })
      expect(failed["ranks"]).toEqual([["0"], ["0"], ["0"]])
      expect(failed["pods"]).toMatchObject([{ containers: [{ reason: "Error", exitCode: 3 }] }])
      const each = (run: number, types: readonly string[]) => types.map((type) => `${type} run_${run}_times`)
      const retried = [
        "AdminScheduled",
        "AdminDispatched",
        "K8sRunning",
        "K8sFailed",
        "AdminFailover",
        "K8sDeleted",
      ]
      expect(conditionsOf(failed)).toEqual([
        ...each(1, retried),
        ...each(2, retried),
        ...each(3, retried.slice(0, 4)),
      ])
    })

    it("wait between attempts with a message, at the head of the queue", async () => {
      server.programs.set("again", () => ({ runMs: 100, exitCode: 1 }))
      const id = await server.create({ displayName: "again", maxRetry: 5, resource: small })
      for (let step = 0; step < 400 && (await server.get(id))["dispatchCount"] !== 2; step++)
        await server.clock.advance(50)
      const waiting = await server.until(id, "Pending")
      expect(waiting["message"]).toMatch(/^Waiting( for \d+s)? before the next attempt$/)
      await server.send({ method: "DELETE", path: `/${id}` })
    })

    it("stop a job whose time is up", async () => {
      const id = await server.create({ displayName: "slow", timeout: 10, resource: small })
      await server.until(id, "Running")
      await server.clock.advance(4000)
      const left = (await server.get(id))["secondsUntilTimeout"] as number
      expect(left >= 5 && left <= 6).toBe(true)
      const stopped = await server.until(id, "Stopped")
      expect(stopped).toMatchObject({ runtime: "10s", secondsUntilTimeout: 0 })
      expect((stopped["conditions"] as readonly Condition[]).at(-1)).toMatchObject({
        type: "AdminStopped",
        reason: "run_1_times",
        message: "the workload has timed out",
      })
    })

    it("run an Authoring workload with what it is forced to", async () => {
      const id = await server.create({
        displayName: "desk",
        image: "",
        entryPoint: "",
        maxRetry: 5,
        timeout: 60,
        isSupervised: true,
        resource: { ...small, replica: 4 },
        dependencies: ["whatever"],
        groupVersionKind: { version: "v1", kind: "Authoring" },
      })
      const desk = await server.until(id, "Running")
      expect(desk).toMatchObject({
        resource: { replica: 1 },
        maxRetry: 0,
        timeout: null,
        isSupervised: false,
        entryPoint: Buffer.from("sleep infinity").toString("base64"),
        groupVersionKind: { kind: "Authoring" },
      })
      expect(desk).not.toHaveProperty("dependencies")
      await server.send({ method: "DELETE", path: `/${id}` })
    })

    it("queue what does not fit, say why, and keep their order", async () => {
      const first = await server.create({ displayName: "holder" })
      await server.until(first, "Running")
      const waiting: string[] = []
      for (let made = 0; made < 3; made++) {
        waiting.push(await server.create({}))
        await server.clock.advance(200)
      }
      const order = async () => {
        const all = await Promise.all(waiting.map((id) => server.get(id)))
        return all.map((workload) => workload["schedulerOrder"])
      }
      expect(await order()).toEqual([1, 2, 3])
      expect((await server.get(waiting[0] ?? ""))["message"]).toBe("Insufficient total gpu resources")
      expect((await server.get(waiting[1] ?? ""))["message"]).toBe(
        "There are high priority or pre-created tasks that have not been scheduled yet",
      )
      expect(
        (await server.send({ method: "PATCH", path: `/${waiting[2]}`, json: { priority: 2 } })).text,
      ).toBe("")
      await server.clock.advance(200)
      expect(await order()).toEqual([2, 3, 1])
      const gone = await server.send({
        method: "POST",
        path: "/stop",
        json: { workloadIds: [first, ...waiting] },
      })
      expect([gone.status, gone.text]).toEqual([200, ""])
      await server.clock.advance(1000)
      expect(await order()).toEqual([0, 0, 0])
      expect(await server.get(first)).toMatchObject({ phase: "Stopped" })
    })

    it("stop, delete and forget", async () => {
      const id = await server.create({ displayName: "brief", resource: small })
      await server.until(id, "Running")
      const stop = await server.send({ method: "POST", path: `/${id}/stop` })
      expect([stop.status, stop.text, stop.headers["content-length"]]).toEqual([200, "", "0"])
      const stopped = await server.get(id)
      expect(stopped).toMatchObject({ phase: "Stopped" })
      expect((stopped["conditions"] as readonly Condition[]).at(-1)?.message).toMatch(
        /^the workload is stopped by \w+$/,
      )
      expect((await server.send({ method: "POST", path: `/${id}/stop` })).status).toBe(200)
      expect(await server.get(id)).toEqual(stopped)
      for (const path of [`/${id}`, `/${id}`, "/never-bcdfg"])
        expect((await server.send({ method: "DELETE", path })).status).toBe(200)
      expect((await server.send({ path: `/${id}` })).json).toEqual({
        errorCode: "Primus.01001",
        errorMessage: `Workload ${id} not found.`,
      })
      expect((await server.send({ path: `?workloadId=${id}` })).json).toEqual({ totalCount: 0, items: [] })
      expect((await server.send({ method: "POST", path: "/never-bcdfg/stop" })).status).toBe(200)
    })

    it("clone, also what has ended, and say which could not be", async () => {
      const id = await server.create({
        displayName: "again2",
        env: { A: "b" },
        resource: small,
        customerLabels: { zone: "node-a" },
      })
      await server.send({ method: "POST", path: `/${id}/stop` })
      const json = { workloadIds: [id, id, "never-bcdfg"] }
      const answer = await server.send({ method: "POST", path: "/clone", json })
      const { workloadIds, failed } = answer.json as { workloadIds: string[]; failed: unknown }
      expect(failed).toEqual([
        {
          workloadId: "never-bcdfg",
          errorCode: "Primus.01001",
          errorMessage: "Workload never-bcdfg not found.",
        },
      ])
      expect(workloadIds).toHaveLength(1)
      expect(await server.get(workloadIds[0] ?? "")).toMatchObject({
        displayName: "again2",
        env: { A: "b" },
        customerLabels: { zone: "node-a" },
      })
      const none = await server.send({
        method: "POST",
        path: "/clone",
        json: { workloadIds: ["never-bcdfg"] },
      })
      expect([none.status, none.json]).toEqual([
        404,
        { errorCode: "Primus.01001", errorMessage: "Workload never-bcdfg not found." },
      ])
      await server.send({ method: "POST", path: "/delete", json: { workloadIds } })
    })

    it("start what depends on another after its success, and fail it with it", async () => {
      server.programs.set("good", () => ({ runMs: 1000 }))
      server.programs.set("bad", () => ({ runMs: 1000, exitCode: 1 }))
      const good = await server.create({ displayName: "good", resource: small })
      const bad = await server.create({ displayName: "bad", resource: small })
      const afterGood = await server.create({ displayName: "after", resource: small, dependencies: [good] })
      const afterBoth = await server.create({
        displayName: "after",
        resource: small,
        dependencies: [good, bad],
      })
      await server.clock.advance(100)
      expect(await server.get(afterGood)).toMatchObject({
        phase: "Pending",
        message: "Dependency cannot be satisfied",
        dependencies: [good],
      })
      await server.until(afterGood, "Running")
      const failed = await server.until(afterBoth, "Failed")
      expect((failed["conditions"] as readonly Condition[]).at(-1)).toMatchObject({
        type: "AdminFailed",
        reason: "run_1_times",
        message: `dependency workload ${bad} failed`,
      })
      await server.send({ method: "DELETE", path: `/${afterGood}` })
    })

    it("hold a job back until its start time", async () => {
      const at = new Date(Math.ceil((server.clock.nowMs() + 1) / 60_000) * 60_000).toISOString()
      const id = await server.create({ displayName: "later", resource: small, cronJobs: [{ schedule: at }] })
      await server.clock.advance(100)
      expect(await server.get(id)).toMatchObject({
        phase: "Pending",
        message: "The Execution time has not been reached",
        cronJobs: [{ action: "start" }],
      })
      await server.until(id, "Running")
      expect(server.clock.nowMs()).toBeGreaterThanOrEqual(Date.parse(at))
      await server.send({ method: "DELETE", path: `/${id}` })
    })

    it("that recur make jobs of it, and it never runs itself", async () => {
      const cronJobs = [{ schedule: "*/2 * * * *" }]
      const id = await server.create({ displayName: "nightly", resource: small, cronJobs })
      await server.clock.advance(120_000)
      expect(await server.get(id)).toMatchObject({
        phase: "Pending",
        message: "The Execution time has not been reached",
        schedulerOrder: 0,
        dispatchCount: 0,
        cronJobs: [{ schedule: "*/2 * * * *", action: "start" }],
      })
      const listed = async () =>
        (await server.send({ path: `?workloadId=nightly` })).json as ListWorkloadsResponse
      const { items } = await listed()
      const made = items.filter((item) => item.workloadId !== id)
      expect(made).toMatchObject([{ displayName: "nightly", dispatchCount: 1 }])
      expect(await server.get(made[0]?.workloadId ?? "")).not.toHaveProperty("cronJobs")
      for (const { workloadId } of items) await server.send({ method: "DELETE", path: `/${workloadId}` })
      await server.clock.advance(240_000)
      expect((await listed()).totalCount).toBe(0)
    })

    it("run on the nodes that are named, one pod for each", async () => {
      const id = await server.create({
        displayName: "named",
        resource: { ...small, replica: 7 },
        specifiedNodes: ["node-b"],
      })
      const running = await server.until(id, "Running")
      expect(running).toMatchObject({
        specifiedNodes: ["node-b"],
        resource: { replica: 1 },
        nodes: [["node-b"]],
      })
      await server.send({ method: "DELETE", path: `/${id}` })
      const nowhere = await server.create({
        displayName: "nowhere",
        resource: small,
        specifiedNodes: ["node-z"],
      })
      await server.clock.advance(100)
      expect(await server.get(nowhere)).toMatchObject({
        phase: "Pending",
        message: "All nodes are unavailable or not enough nodes match the specified label.",
      })
      await server.send({ method: "DELETE", path: `/${nowhere}` })
    })
  },
)
