/** Apart from trust, because loading TLS costs 10 ms of CPU that a plain exchange need not pay. */
export { rootCertificates } from 'node:tls';
