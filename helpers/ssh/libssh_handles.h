// Owners for what libssh allocates. No other file of this folder frees anything of libssh's.
#pragma once

#include <libssh/libssh.h>

#include <memory>
#include <string>

namespace passthrough {

// Frees with a C function.
template <auto Function>
struct FreeWith {
  template <typename Pointer>
  void operator()(Pointer* pointer) const {
    Function(pointer);
  }
};

// Freeing a session closes its socket too. ssh_disconnect() is not used: it leaves a socket that
// was handed over open in libssh 0.10.
using SessionHandle = std::unique_ptr<ssh_session_struct, FreeWith<ssh_free>>;
using ChannelHandle = std::unique_ptr<ssh_channel_struct, FreeWith<ssh_channel_free>>;
using EventHandle = std::unique_ptr<ssh_event_struct, FreeWith<ssh_event_free>>;
using KeyHandle = std::unique_ptr<ssh_key_struct, FreeWith<ssh_key_free>>;
using TextHandle = std::unique_ptr<char, FreeWith<ssh_string_free_char>>;

// "SHA256:…" as ssh-keygen -l prints it; empty where libssh cannot tell.
std::string Fingerprint(ssh_key key);

}  // namespace passthrough
