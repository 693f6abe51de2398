/**
 * A certificate for localhost and 127.0.0.1 that nobody has signed, for servers of tests; made on 2026-11-21 by
 * `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 36500 -subj /CN=localhost
 * -addext subjectAltName=DNS:localhost,IP:127.0.0.1`.
 */
export const SELF_SIGNED = {
  cert: `-----BEGIN CERTIFICATE-----
MIIBmzCCAUGgAwIBAgIUIn2iRYbvDP2H9oj0WF0d5x9KsiMwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMTE1MDAzMFoYDzIxMjYxMDI4
MTUwMDMwWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAARt2kCGMeGy8BZEju74sLSAT7zRXs1oVwJ279yCyKv+KNZseKsvSs8X
BW7sWH7b1u4Zr9RfedCZx887zvQpQoGGo28wbTAdBgNVHQ4EFgQU62r6KBsNWT5z
gcDgWQLjdAty3B0wHwYDVR0jBBgwFoAU62r6KBsNWT5zgcDgWQLjdAty3B0wDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
zj0EAwIDSAAwRQIhAMaH6DzAL1hAZD0JC/lilBI9IHSHe7yx7Wj9/lh9Uf2RAiAm
bF5sHcyniPXKXl/3G9u7Oo9dwdaoRpiit3wZGhSZDQ==
-----END CERTIFICATE-----
`,
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgOlAZYjNRi68hCVax
0CB1LXwI+afLC37/TH+lz0gdp0ihRANCAARt2kCGMeGy8BZEju74sLSAT7zRXs1o
VwJ279yCyKv+KNZseKsvSs8XBW7sWH7b1u4Zr9RfedCZx887zvQpQoGG
-----END PRIVATE KEY-----
`,
} as const;
