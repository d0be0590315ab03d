using System;
using System.Globalization;
using System.Threading;
using VirtioGuest.Kernel.Services;
using VirtioGuest.Net;

namespace VirtioGuest.Kernel.Shell.Commands;

/// <summary><c>net N ping ADDRESS COUNT</c>: whether somebody answers.</summary>
internal sealed class NetworkPingCommand : NetworkCommand
{
    private const int PayloadLength = 56;

    private static readonly TimeSpan s_replyTimeout = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(10);

    /// <summary>Creates the command.</summary>
    public NetworkPingCommand()
        : base("ping", "ADDRESS COUNT", "ask an IPv4 address for COUNT replies, 1 to 65535")
    {
    }

    /// <inheritdoc/>
    protected override CommandResult Run(ShellContext shell, NetworkPort device, ReadOnlySpan<string> arguments)
    {
        if (arguments.Length != 2
            || !IPv4Address.TryParse(arguments[0], out IPv4Address address)
            || !Number.TryParse(arguments[1], out ulong count)
            || count is 0 or > ushort.MaxValue)
        {
            return CommandResult.WrongArguments;
        }

        Span<byte> payload = stackalloc byte[PayloadLength];
        for (int index = 0; index < payload.Length; index++)
        {
            payload[index] = (byte)index;
        }

        int sent = (int)count;
        int received = 0;
        for (int sequence = 1; sequence <= sent; sequence++)
        {
            PingResult result = device.Stack.Ping(address, (ushort)sequence, s_replyTimeout, payload);
            if (result.Status == PingStatus.Replied)
            {
                received++;
                string milliseconds = result.RoundTrip.TotalMilliseconds.ToString("F3", CultureInfo.InvariantCulture);
                shell.Output.WriteLine($"reply from {result.From}: seq {sequence}, {milliseconds} ms");
                Thread.Sleep(sequence < sent ? s_pause : TimeSpan.Zero);
            }
            else
            {
                string why = result.Status == PingStatus.TimedOut ? "" : $": {result}";
                shell.Output.WriteLine($"no reply: seq {sequence}{why}");
                if (result.Status is PingStatus.NoAddress or PingStatus.NoRoute)
                {
                    return CommandResult.Failure($"{device.Name}: {result}");
                }
            }
        }

        shell.Output.WriteLine($"{sent} sent, {received} received");
        return received == sent
            ? CommandResult.Success
            : CommandResult.Failure($"{device.Name}: {sent - received} of {sent} pings were not answered");
    }
}
