/**
 * Words of names: AWS_SECRET_ACCESS_KEY with its access key and session token, OS_PASSWORD, OS_TOKEN and
 * OS_APPLICATION_CREDENTIAL_SECRET with its id, MYSQL_PWD, PGPASSWORD, VAULT_TOKEN, SOME_API_KEY. Not PWD, OLDPWD or
 * SSH_ASKPASS; and not http_proxy, even with a password in it: without the proxy there is no network.
 */
const NAME =
  /PASSWORD|PASSWD|PASSPHRASE|PASSCODE|SECRET|CREDENTIAL|(?:^|_)(?:TOKEN|PASS|(?:ACCESS|API|AUTH|PRIVATE|ENCRYPTION)_?KEY)S?(?:_|$)|_PWD$|^ST_KEY$/i;

/** Whether a variable of that name holds a credential, or a part of one. */
export function isCredentialVariable(name: string): boolean {
  return NAME.test(name);
}
