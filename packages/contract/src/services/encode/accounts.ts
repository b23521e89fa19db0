import { encodePage, resourceOf, type PageView, type ResourceView } from "./envelope.ts"
import { naiveTimestamp } from "./timestamps.ts"
import { wireText, type WireValue } from "./wire-text.ts"

/** A user or a service account. */
export interface UserView extends ResourceView {
  readonly fullName: string
  readonly isActive: boolean
  readonly isAdmin: boolean
  readonly isServiceAccount: boolean
  readonly defaultProjectId: string | null
  readonly email: string | null
}

function userOf(view: UserView, isHydrated: boolean): WireValue {
  const metadata = {
    password_changed_at: null,
    email: view.email,
    external_user_id: null,
    user_metadata: {},
    oidc_claims: {},
  }
  return resourceOf(view, {
    body: {
      active: view.isActive,
      activation_token: null,
      full_name: view.fullName,
      email_opted_in: null,
      is_service_account: view.isServiceAccount,
      is_admin: view.isAdmin,
      default_project_id: view.defaultProjectId,
      avatar_url: null,
    },
    metadata: isHydrated ? metadata : null,
    resources: null,
  })
}

const userTexts = new WeakMap<UserView, string>()

/** A user as it stands in other answers: written once, for on a page most are of the same few. */
export function userText(view: UserView): string {
  const known = userTexts.get(view)
  if (known !== undefined) return known
  const text = wireText(userOf(view, false))
  userTexts.set(view, text)
  return text
}

/** The answer of GET /current-user; always whole. */
export function encodeCurrentUser(view: UserView): string {
  return wireText(userOf(view, true))
}

/** A project: a workspace of the server. */
export interface ProjectView extends ResourceView {
  readonly displayName: string
  readonly description: string
}

/** The answer of GET /projects/{project_name_or_id}. */
export function encodeProject(view: ProjectView, isHydrated: boolean): string {
  const metadata = { description: view.description, project_metadata: {} }
  return wireText(
    resourceOf(view, {
      body: { display_name: view.displayName },
      metadata: isHydrated ? metadata : null,
      resources: null,
    }),
  )
}

/** The answer of GET /projects. */
export function encodeProjectPage(page: PageView<ProjectView>, isHydrated: boolean): string {
  return encodePage(page, (project) => encodeProject(project, isHydrated))
}

/** What a token is given for. */
export interface LoginView {
  readonly accessToken: string
  /** Null: it does not expire. */
  readonly expiresInSeconds: number | null
}

/** The answer of POST /login with a form. */
export function encodeLogin({ accessToken, expiresInSeconds }: LoginView): string {
  return wireText({
    access_token: accessToken,
    token_type: "bearer",
    expires_in: expiresInSeconds,
    refresh_token: null,
    csrf_token: null,
    scope: null,
    device_id: null,
    device_metadata: null,
  })
}

/** What the server tells anybody about itself. */
export interface ServerView {
  /** UUID; clients keep credentials by it. */
  readonly id: string
  readonly name: string
  /** Of the API that is spoken, not of this server. */
  readonly version: string
  readonly deploymentType: string
  /** `sqlite`, `mysql` or `other`. */
  readonly databaseType: "sqlite" | "mysql" | "other"
  readonly serverUrl: string
  readonly dashboardUrl: string
  readonly lastUserActivityAtMs: number | null
}

/** The answer of GET /info. */
export function encodeServerInfo(view: ServerView): string {
  const activity = view.lastUserActivityAtMs
  return wireText({
    id: view.id,
    name: view.name,
    version: view.version,
    active: true,
    debug: false,
    deployment_type: view.deploymentType,
    database_type: view.databaseType,
    secrets_store_type: "none",
    auth_scheme: "OAUTH2_PASSWORD_BEARER",
    server_url: view.serverUrl,
    dashboard_url: view.dashboardUrl,
    analytics_enabled: false,
    metadata: {},
    last_user_activity: activity === null ? null : naiveTimestamp(activity),
    pro_dashboard_url: null,
    pro_api_url: null,
    pro_organization_id: null,
    pro_organization_name: null,
    pro_workspace_id: null,
    pro_workspace_name: null,
  })
}
