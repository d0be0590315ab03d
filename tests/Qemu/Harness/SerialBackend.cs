namespace VirtioGuest.Qemu.Tests.Harness;

/// <summary>What the serial port leads to on the host.</summary>
public enum SerialBackend
{
    /// <summary>The pipes of QEMU's standard input and output.</summary>
    Pipes,

    /// <summary>A Unix socket.</summary>
    Socket,

    /// <summary>A pseudo-terminal.</summary>
    Terminal,
}
