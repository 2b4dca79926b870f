/** What a request is signed with. */
export interface Credentials {
  readonly accessKey: string;
  readonly secretKey: string;
  /** Of credentials that are lent for a time, as those of an instance role are. */
  readonly sessionToken?: string | undefined;
}
