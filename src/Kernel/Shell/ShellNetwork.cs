using System;
using System.Collections.Generic;
using VirtioGuest.Commands.Network;
using VirtioGuest.Hal;
using VirtioGuest.Kernel.Services;
using VirtioGuest.Net;

namespace VirtioGuest.Kernel.Shell;

/// <summary>A network port as commands see it.</summary>
internal sealed class ShellNetwork : NetworkInterface
{
    private readonly NetworkPort _port;

    /// <summary>Shows a port to commands.</summary>
    public ShellNetwork(NetworkPort port)
        : base(port.Name)
    {
        _port = port;
    }

    /// <inheritdoc/>
    public override string HardwareAddress => _port.Link.Address.ToString();

    /// <inheritdoc/>
    public override bool IsUp => _port.Link.IsUp;

    /// <inheritdoc/>
    public override int Mtu
    {
        get
        {
            int told = _port.Stack.Configuration?.Mtu ?? 0;
            return told == 0 ? _port.Link.Mtu : Math.Min(told, _port.Link.Mtu);
        }
    }

    /// <inheritdoc/>
    public override string? Configuration => _port.Stack.Configuration?.ToString();

    /// <inheritdoc/>
    public override uint Gateway => _port.Stack.Configuration?.Gateway.Value ?? 0;

    /// <summary>Shows ports to commands.</summary>
    public static ShellNetwork[] Of(IReadOnlyList<NetworkPort> ports)
    {
        var shown = new ShellNetwork[ports.Count];
        for (int index = 0; index < shown.Length; index++)
        {
            shown[index] = new ShellNetwork(ports[index]);
        }

        return shown;
    }

    /// <inheritdoc/>
    public override NetworkTraffic GetTraffic()
    {
        NetworkStatistics statistics = _port.Stack.GetStatistics();
        var drops = new List<Counter>();
        foreach (KeyValuePair<DropReason, long> drop in statistics.Drops)
        {
            drops.Add(new Counter(drop.Key.Describe(), (ulong)drop.Value));
        }

        return new NetworkTraffic(
            (ulong)statistics.FramesReceived,
            (ulong)statistics.BytesReceived,
            (ulong)statistics.FramesSent,
            (ulong)statistics.BytesSent,
            [.. drops])
        {
            Reassembled = (ulong)statistics.DatagramsReassembled,
            Fragmented = (ulong)statistics.PacketsFragmented,
            AddressConflicts = (ulong)statistics.AddressConflicts,
        };
    }

    /// <inheritdoc/>
    public override Failure? Dhcp(out string lease)
    {
        DhcpResult result = _port.Dhcp();
        bool isBound = result.Status == DhcpStatus.Bound;
        lease = isBound ? result.ToString() : "";
        return isBound ? null : new Failure(result.ToString(), isSentence: true);
    }

    /// <inheritdoc/>
    public override PingResult Ping(uint address, ushort sequence, uint timeoutMilliseconds, byte[] payload) =>
        _port.Stack.Ping(
            new IPv4Address(address), sequence, TimeSpan.FromMilliseconds(timeoutMilliseconds), payload);
}
