// From a connected socket to an authenticated session.
#pragma once

#include <string>

#include "helpers/base/deadline.h"
#include "helpers/base/descriptor.h"
#include "helpers/ssh/host_keys.h"
#include "helpers/ssh/libssh_handles.h"
#include "helpers/ssh/ssh_account.h"

namespace passthrough {

// "admin@192.168.140.11", with ":2222" where the port is not 22.
std::string AccountName(const SshAccount& account);

// Speaks SSH on `stream`: key exchange, host key, authentication. The session is in non-blocking
// mode and closes the stream. Throws SshError (see ssh_errors.h for its kinds), TimeoutError,
// InterruptedError.
SessionHandle Handshake(Descriptor stream, const SshAccount& account, HostKeys& host_keys, const Deadline& deadline);

}  // namespace passthrough
