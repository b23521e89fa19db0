import { encodePage, resourceOf, type PageView, type ResourceView } from "./envelope.ts"
import { wireText, type WireValue } from "./wire-text.ts"

/** One part of a stack. */
export interface StackComponentView extends ResourceView {
  /** `orchestrator`, `artifact_store`, … */
  readonly type: string
  readonly flavor: string
  readonly integration: string
}

/** A stack: what a client runs on. It belongs to nobody. */
export interface StackView extends ResourceView {
  readonly description: string
  /** By type, one or more of each, in the order of the answer. */
  readonly components: readonly StackComponentView[]
}

/** The answer of GET /stacks/{stack_id}. */
export function encodeStack(view: StackView, isHydrated: boolean): string {
  const metadata = {
    components: componentsOf(view),
    description: view.description,
    stack_spec_path: null,
    environment: {},
    secrets: [],
    labels: {},
  }
  return wireText(
    resourceOf(view, {
      body: { user_id: null },
      metadata: isHydrated ? metadata : null,
      resources: { user: null },
    }),
  )
}

/** The answer of GET /stacks. */
export function encodeStackPage(page: PageView<StackView>, isHydrated: boolean): string {
  return encodePage(page, (stack) => encodeStack(stack, isHydrated))
}

function componentsOf({ components }: StackView): WireValue {
  const byType: Record<string, WireValue[]> = {}
  for (const component of components) (byType[component.type] ??= []).push(componentOf(component))
  return byType
}

function componentOf(view: StackComponentView): WireValue {
  return resourceOf(view, {
    body: {
      user_id: null,
      type: view.type,
      flavor_name: view.flavor,
      integration: view.integration,
      logo_url: null,
    },
    metadata: null,
    resources: null,
  })
}
