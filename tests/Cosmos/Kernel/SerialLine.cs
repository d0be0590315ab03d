using System.Collections.Generic;
using System.Text;
using VirtioGuest.Hal;

namespace VirtioGuest.Cosmos.Tests.Kernel;

/// <summary>A 16550 at the first serial port's place, or nothing there.</summary>
internal sealed class SerialLine : PortSpace
{
    private const ushort First = 0x3F8;

    private readonly byte[] _registers = new byte[8];
    private readonly StringBuilder _sent = new();
    private byte _lastOnBus;

    public bool IsPresent { get; set; } = true;

    /// <summary>Whether the other end takes bytes.</summary>
    public bool IsFlowing { get; set; } = true;

    /// <summary>Whether its FIFOs are on.</summary>
    public bool HasFifos { get; set; }

    /// <summary>How often the transmitter was looked at and not ready.</summary>
    public int VainLooks { get; private set; }

    /// <summary>How often the line was looked at for bytes, and none was there.</summary>
    public int EmptyLooks { get; private set; }

    /// <summary>What the other end sends.</summary>
    public Queue<byte> Received { get; } = [];

    public string Sent => _sent.ToString();

    /// <summary>What was written elsewhere.</summary>
    public List<(ushort Port, byte Value)> Writes { get; } = [];

    /// <summary>The divisor of 115200 baud, as it was set.</summary>
    public int Divisor { get; private set; }

    public byte LineControl => _registers[3];

    public byte InterruptEnable => _registers[1];

    private bool IsDivisorOpen => (LineControl & 0x80) != 0;

    public override byte Read8(ushort port)
    {
        if (!IsPresent || port < First || port > First + 7)
        {
            return IsPresent ? (byte)0xFF : _lastOnBus;
        }

        switch (port - First)
        {
            case 0:
                return Received.Dequeue();
            case 2:
                return (byte)(HasFifos ? 0xC1 : 0x01);
            case 5:
                VainLooks += IsFlowing ? 0 : 1;
                EmptyLooks += Received.Count == 0 ? 1 : 0;
                return (byte)((Received.Count == 0 ? 0 : 0x01) | (IsFlowing ? 0x20 : 0));
            default:
                return _registers[port - First];
        }
    }

    public override void Write8(ushort port, byte value)
    {
        _lastOnBus = value;
        if (!IsPresent || port < First || port > First + 7)
        {
            Writes.Add((port, value));
        }
        else if (port == First && IsDivisorOpen)
        {
            Divisor = value;
        }
        else if (port == First)
        {
            _sent.Append((char)value);
        }
        else if (port == First + 2)
        {
            // Switching the FIFOs on or off clears them (PC16550D, FCR bit 0).
            if (HasFifos != ((value & 0x01) != 0))
            {
                HasFifos = !HasFifos;
                Received.Clear();
            }
        }
        else if (port != First + 1 || !IsDivisorOpen)
        {
            _registers[port - First] = value;
        }
    }

    public override ushort Read16(ushort port) => throw new System.NotSupportedException();

    public override uint Read32(ushort port) => throw new System.NotSupportedException();

    public override void Write16(ushort port, ushort value) => throw new System.NotSupportedException();

    public override void Write32(ushort port, uint value) => throw new System.NotSupportedException();
}
