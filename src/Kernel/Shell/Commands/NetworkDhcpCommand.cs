using System;
using VirtioGuest.Kernel.Services;
using VirtioGuest.Net;

namespace VirtioGuest.Kernel.Shell.Commands;

/// <summary><c>net N dhcp</c>: gets an address.</summary>
internal sealed class NetworkDhcpCommand : NetworkCommand
{
    /// <summary>Creates the command.</summary>
    public NetworkDhcpCommand()
        : base("dhcp", "", "get an address by DHCP")
    {
    }

    /// <inheritdoc/>
    protected override CommandResult Run(ShellContext shell, NetworkPort device, ReadOnlySpan<string> arguments)
    {
        if (arguments.Length != 0)
        {
            return CommandResult.WrongArguments;
        }

        DhcpResult result = device.Dhcp();
        if (result.Status != DhcpStatus.Bound)
        {
            return CommandResult.Failure($"{device.Name}: {result}");
        }

        shell.Output.WriteLine($"{device.Name}: {result.Lease}");
        return CommandResult.Success;
    }
}
