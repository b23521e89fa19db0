import type { Topic } from "../domain/journal/index.ts"
import type { Log } from "../kit/log.ts"

/** A value on its way to a topic's subscribers. */
export interface Notice {
  readonly topic: Topic<unknown>
  readonly value: unknown
}

export interface Topics {
  subscribe<T>(topic: Topic<T>, listener: (value: T) => void): () => void
  /** Calls every subscriber, in order; one that throws is logged and harms nobody else. */
  deliver(notices: readonly Notice[]): void
}

/** Topics are known by their object, not by their name: two of one name stay apart. */
export function createTopics(log: Log): Topics {
  const listeners = new Map<Topic<unknown>, Set<(value: unknown) => void>>()
  return {
    subscribe<T>(topic: Topic<T>, listener: (value: T) => void) {
      const own = (value: unknown) => listener(value as T)
      const set = listeners.get(topic) ?? new Set()
      listeners.set(topic, set.add(own))
      return () => {
        set.delete(own)
      }
    },
    deliver(notices) {
      for (const { topic, value } of notices)
        for (const listener of listeners.get(topic) ?? [])
          try {
            listener(value)
          } catch (error) {
            log.error({ err: error, topic: topic.name }, "a subscriber of the store threw")
          }
    },
  }
}
