import type { ClusterEventSchema } from "@berth/contract/kuberay"
import type { MessageInitShape } from "@bufbuild/protobuf"
import type { RayEvent } from "../../domain/ray/index.ts"
import { timestampOf } from "./timestamps.ts"

/** Members are the same in events of clusters and of services. */
type WireEvent = Omit<MessageInitShape<typeof ClusterEventSchema>, "$typeName">

/** What an object has to tell, in the order of ids. @param owner the name before the id */
export function wireEvents(owner: string, events: readonly RayEvent[]): WireEvent[] {
  return events.map((event) => ({
    id: event.id,
    name: `${owner}-${event.id}`,
    createdAt: timestampOf(event.firstAtMs),
    firstTimestamp: timestampOf(event.firstAtMs),
    lastTimestamp: timestampOf(event.lastAtMs),
    reason: event.reason,
    message: event.message,
    type: event.type,
    count: event.count,
  }))
}
