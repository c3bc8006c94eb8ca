// A public RSA key whose private key nobody has.
#ifndef FAILOVER_TESTS_SUPPORT_FAKE_PUBLIC_KEY_H_
#define FAILOVER_TESTS_SUPPORT_FAKE_PUBLIC_KEY_H_

namespace failover::mysql {

inline constexpr char kFakePublicKey[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAz7vOlmzEgewIISSnTlw1\n"
    "xJLIp0J+caR2DEzRaLlBWkJ6trc/mbP3SpG8KCIJEFonEFg2atWZzohPcZuGKWSb\n"
    "P9qvDBD+MwMCbgJi3RCo+vLnviPkzLNA9UQQMFG7g+Z9I+A2CU7gu7Dc7UcUbAg9\n"
    "Rw8/3n9DD1WFyEAx6TOAvMzyyZve8wRevg9XedMJBgFVUhpqIAAz4wZJrGjcPM9b\n"
    "2fdlYbhb7ZSqR8whQGqsk1tyov/3CkA4RN7HW3OzZkBhsJCXXiDuBZm5IFaihTX3\n"
    "1iIDLCV7pQjeIrrW6eA7Exhytt7L9rVfdz7kGjT7Vio0EutbtQOIu4Q+iP34aXx5\n"
    "eQIDAQAB\n"
    "-----END PUBLIC KEY-----\n";

}  // namespace failover::mysql

#endif  // FAILOVER_TESTS_SUPPORT_FAKE_PUBLIC_KEY_H_
