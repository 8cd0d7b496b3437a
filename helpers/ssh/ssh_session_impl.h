// What is behind an SshSession.
#pragma once

#include "helpers/base/descriptor.h"
#include "helpers/ssh/link.h"
#include "helpers/ssh/ssh_session.h"

namespace passthrough {

struct SshSession::Impl {
  Link link;
  bool had_channel = false;  // a command was run on it before
};

// A stream to the account's server: plain TCP, or a tunnel of `jump`. Throws as ConnectTcp does.
Descriptor OpenStream(const SshAccount& account, JumpHost* jump, const Deadline& deadline);

}  // namespace passthrough
