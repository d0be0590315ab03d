using System;
using System.Collections.Generic;
using VirtioGuest.Kernel.Services;
using VirtioGuest.Net;

namespace VirtioGuest.Kernel.Shell.Commands;

/// <summary><c>net N status</c>: address, link and counters.</summary>
internal sealed class NetworkStatusCommand : NetworkCommand
{
    /// <summary>Creates the command.</summary>
    public NetworkStatusCommand()
        : base("status", "", "show addresses, link and counters")
    {
    }

    /// <inheritdoc/>
    protected override CommandResult Run(ShellContext shell, NetworkPort device, ReadOnlySpan<string> arguments)
    {
        if (arguments.Length != 0)
        {
            return CommandResult.WrongArguments;
        }

        NetworkStatistics statistics = device.Stack.GetStatistics();
        string link = device.Link.IsUp ? "link up" : "link down";
        shell.Output.WriteLine($"{device.Name}: {device.Link.Address}, {link}, mtu {device.Link.Mtu}");
        shell.Output.WriteLine($"{device.Name}: {device.Stack.Configuration?.ToString() ?? "no address"}");
        shell.Output.WriteLine(
            $"{device.Name}: received {statistics.FramesReceived} frames ({statistics.BytesReceived} bytes), "
            + $"sent {statistics.FramesSent} ({statistics.BytesSent} bytes), dropped {statistics.TotalDropped}");
        foreach (KeyValuePair<DropReason, long> drop in statistics.Drops)
        {
            shell.Output.WriteLine($"{device.Name}: dropped {drop.Value}: {drop.Key.Describe()}");
        }

        return CommandResult.Success;
    }
}
