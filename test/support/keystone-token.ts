export interface TokenEndpoint {
  readonly interface: string;
  readonly region_id: string;
  readonly region?: string;
  readonly url: string;
}

/**
 * The body with which keystone answers POST /v3/auth/tokens, as far as it is read: a token that is good for an hour.
 * @param services endpoints by the type of their service
 */
export function tokenBody(services: Readonly<Record<string, readonly TokenEndpoint[]>>): string {
  const times = { issued_at: '2026-01-01T00:00:00Z', expires_at: '2026-01-01T01:00:00Z' };
  const catalog = Object.entries(services).map(([type, endpoints]) => ({ type, endpoints }));
  return JSON.stringify({ token: { ...times, project: { id: 'p' }, catalog } });
}
