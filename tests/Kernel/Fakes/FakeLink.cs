using System;
using VirtioGuest.Net;

namespace VirtioGuest.Kernel.Tests.Fakes;

/// <summary>A link with nobody at its other end.</summary>
internal sealed class FakeLink(bool isUp) : EthernetLink
{
    public override MacAddress Address => MacAddress.Parse("52:54:00:12:34:56");

    public override int Mtu => 1500;

    public override bool IsUp => isUp;

    public override bool TrySend(ReadOnlySpan<byte> frame) => true;
}
