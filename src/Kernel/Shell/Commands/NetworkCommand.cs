using System.Collections.Generic;
using VirtioGuest.Kernel.Services;

namespace VirtioGuest.Kernel.Shell.Commands;

/// <summary>A command on a network port: <c>net N verb ...</c>.</summary>
internal abstract class NetworkCommand : DeviceCommand<NetworkPort>
{
    /// <summary>Describes a command.</summary>
    /// <param name="verb">The third word.</param>
    /// <param name="arguments">What comes after it, in upper case; empty for nothing.</param>
    /// <param name="summary">What it does.</param>
    protected NetworkCommand(string verb, string arguments, string summary)
        : base("net", verb, ("net N " + verb + " " + arguments).TrimEnd(), summary)
    {
    }

    /// <inheritdoc/>
    protected sealed override IReadOnlyList<NetworkPort> Devices(ShellContext shell) => shell.Networks;
}
