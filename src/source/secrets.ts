/** Names of files that usually hold secrets: never read, whatever they hold. */

/** Safe to read: what projects commit to show which settings there are. */
const TEMPLATE = /\.(example|sample|template|dist|defaults?|schema)$|^(example|sample|template)\./;

/** Each on a base name in lower case. */
const SECRET_NAMES: readonly RegExp[] = [
  /^\.env(\..+)?$/, // .env, .env.local, .env.production
  /^\.envrc$/, // direnv
  /\.env$/, // production.env
  /\.(pem|key|p8|p12|pfx|ppk|jks|keystore|keytab|kdbx?|ovpn|agekey)$/, // keys and key stores
  /^id_(rsa|dsa|ecdsa|ed25519)/, // SSH keys
  /\.tfstate(\..*)?$/, // Terraform keeps every value it knows
  /^(\.netrc|_netrc|\.npmrc|\.pypirc|\.pgpass|\.my\.cnf|\.mylogin\.cnf|\.htpasswd|\.dockercfg|\.dockerconfigjson)$/,
  /^(\.git-credentials|\.boto|\.s3cfg|\.vault-token|\.terraformrc|terraform\.rc|\.kubeconfig|kubeconfig)$/,
  /^(credentials|\.credentials)(\.(json|toml|ya?ml|ini|csv|xml))?$/,
  /^(client_secrets?|service[-_]?account|firebase-adminsdk)[^/]*\.json$/, // Google
  /^\.?secrets?\.(json|toml|env)$/,
  /^\.(bash|zsh|sh|fish|psql|mysql|sqlite|python|node_repl|irb|rediscli)_history$/, // what was typed, passwords too
];

/** Each on a whole path in lower case with a slash before it. */
const SECRET_PLACES: readonly RegExp[] = [
  /\/\.git\//, // remotes with a password in their address
  /\/\.(ssh|gnupg|aws|azure|gcloud)\//,
  /\/\.docker\/config\.json$/,
  /\/\.kube\/config$/,
  /\/\.(cargo|gem)\/credentials(\.toml)?$/,
];

/** One expression instead of a dozen: a listing asks this of every path. */
const SECRET_NAME = anyOf(SECRET_NAMES);
const SECRET_PLACE = anyOf(SECRET_PLACES);

/** True for a path that is never read. Letter case does not matter. */
export function isSecretName(path: string): boolean {
  const lower = path.toLowerCase();
  const name = lower.slice(lower.lastIndexOf('/') + 1);
  return SECRET_PLACE.test(`/${lower}`) || (SECRET_NAME.test(name) && !TEMPLATE.test(name));
}

function anyOf(patterns: readonly RegExp[]): RegExp {
  return new RegExp(patterns.map(({ source }) => `(?:${source})`).join('|'));
}
