using System;
using System.Collections.Generic;

namespace VirtioGuest.Net.Tests.Simulation;

/// <summary>A network device whose frames go to a function once <see cref="FrameAuditor"/> has checked them.</summary>
internal sealed class SimulatedLink : EthernetLink
{
    public static readonly MacAddress OwnAddress = MacAddress.Parse("52:54:00:12:34:56");

    private readonly int _mtu;

    public SimulatedLink(int mtu = 1500)
    {
        _mtu = mtu;
    }

    public override MacAddress Address => OwnAddress;

    public override int Mtu => _mtu;

    public override bool IsUp => IsPlugged;

    public bool IsPlugged { get; set; } = true;

    public bool HasRoom { get; set; } = true;

    /// <summary>The address that frames may come from.</summary>
    public Func<IPv4Address?> ExpectedSource { get; set; } = () => null;

    /// <summary>Whether frames are checked and kept, which takes memory.</summary>
    public bool IsAudited { get; set; } = true;

    public List<byte[]> Sent { get; } = [];

    /// <summary>How often the device was told of what it had taken.</summary>
    public int Flushes { get; private set; }

    public Action<byte[]>? Peer { get; set; }

    /// <summary>The stations of groups that the stack has named.</summary>
    public MacAddress[] Groups { get; private set; } = [];

    public override void SetGroups(ReadOnlySpan<MacAddress> stations) => Groups = stations.ToArray();

    public override void Flush() => Flushes++;

    public override bool TrySend(ReadOnlySpan<byte> frame)
    {
        if (!HasRoom)
        {
            return false;
        }

        if (IsAudited)
        {
            byte[] copy = frame.ToArray();
            FrameAuditor.Check(copy, Address, _mtu, ExpectedSource());
            Sent.Add(copy);
            Peer?.Invoke(copy);
        }

        return true;
    }
}
