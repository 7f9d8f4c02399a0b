/*
 * Ed25519 is asked each question once. A verdict of libsodium's depends on signature, message and
 * key alone, so within one input the second reader's question, when every byte of it is the core's,
 * has the core's answer; and what libsodium signed just now with the secret half of a key is signed
 * with that key. Targets that CMakeLists.txt names in wavry_fuzz_signatures have these in the
 * place of crypto_sign_detached and crypto_sign_verify_detached, whoever calls them.
 */
#ifndef FUZZ_SIGNATURES_H
#define FUZZ_SIGNATURES_H

/* At the end of an input: the next one finds nothing but what its own mutator signed. */
void fuzz_signatures_forget(void);

#endif
