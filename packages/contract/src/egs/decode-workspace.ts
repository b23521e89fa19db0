import type { DecodeIssue, Decoded } from "../common/index.ts"
import { decoded } from "../common/index.ts"
import { membersOf, optionalText, optionalTexts, requiredText } from "./members.ts"

/** What a workspace is to be, typed but not checked. undefined = not said. */
export interface DecodedWorkspace {
  readonly workspaceName: string
  readonly clusters: readonly string[] | undefined
  readonly namespaces: readonly string[] | undefined
  readonly username: string | undefined
  readonly email: string | undefined
}

/** Reads the body of POST and PUT /slice-workspace (reference/egs.md 3). */
export function decodeWorkspace(body: unknown): Decoded<DecodedWorkspace> {
  const issues: DecodeIssue[] = []
  const members = membersOf(body, issues)
  const value = {
    workspaceName: requiredText(members, "workspaceName"),
    clusters: optionalTexts(members, "clusters"),
    namespaces: optionalTexts(members, "namespaces"),
    username: optionalText(members, "username"),
    email: optionalText(members, "email"),
  }
  return decoded(value, issues)
}

/** Which kubeconfig is asked for; without a cluster that of the workspace's first. */
export interface DecodedKubeConfigWish {
  readonly workspaceName: string
  readonly clusterName: string | undefined
}

/** Reads the body, or the query, of /slice-workspace/kube-config (reference/egs.md 1.2). */
export function decodeKubeConfigWish(from: unknown): Decoded<DecodedKubeConfigWish> {
  const issues: DecodeIssue[] = []
  const members = membersOf(from, issues)
  const workspaceName = requiredText(members, "workspaceName")
  return decoded({ workspaceName, clusterName: optionalText(members, "clusterName") }, issues)
}
