using System;
using System.Buffers.Binary;

namespace VirtioGuest.Net;

/// <summary>An IP address and a port: one end of a connection. It has room for addresses of either family.</summary>
public readonly record struct IpEndpoint
{
    private const ulong MappedPrefix = 0xFFFF_0000_0000;

    // An IPv4 address is kept as the IPv4-mapped address ::ffff:a.b.c.d (RFC 4291, 2.5.5.2).
    private readonly UInt128 _address;

    /// <summary>Takes an IPv4 address and a port; <see cref="IPv4Address.Any"/> and 0 leave them open.</summary>
    public IpEndpoint(IPv4Address address, ushort port)
    {
        _address = address.IsAny ? 0 : MappedPrefix | address.Value;
        Port = port;
    }

    /// <summary>The port; 0 where it is left open.</summary>
    public ushort Port { get; init; }

    /// <summary>Whether the address is left open.</summary>
    public bool IsAnyAddress => _address == 0;

    /// <summary>The IPv4 address; <see cref="IPv4Address.Any"/> where it is left open.</summary>
    public IPv4Address IPv4 => new((uint)_address);

    /// <summary>Whether both have the same address, whatever their ports.</summary>
    public bool HasAddressOf(in IpEndpoint other) => _address == other._address;

    /// <summary>The end point as <c>10.0.2.15:80</c>.</summary>
    public override string ToString() => $"{IPv4}:{Port}";

    /// <summary>Writes the address's 16 bytes and the port: what a keyed hash of an end point is taken over.</summary>
    internal void CopyTo(Span<byte> destination)
    {
        BinaryPrimitives.WriteUInt128LittleEndian(destination, _address);
        BinaryPrimitives.WriteUInt16LittleEndian(destination[16..], Port);
    }
}
