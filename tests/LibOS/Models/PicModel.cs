using System.Collections.Generic;
using System.Numerics;
using VirtioGuest.LibOS.Cpu;

namespace VirtioGuest.LibOS.Tests.Models;

/// <summary>
/// The pair of 8259As as the data sheet has them: an edge is kept while it is masked, a level is not; a request that is
/// gone before it is taken becomes a spurious 7; only what is in service can be ended. Emulations differ in one thing
/// (<see cref="KeepsPulses"/>).
/// </summary>
internal sealed class PicModel : FakePorts
{
    private readonly Chip _primary = new();
    private readonly Chip _secondary = new();

    /// <summary>The trigger mode register: a set bit is a level-triggered line.</summary>
    public ushort Trigger { get; set; }

    /// <summary>
    /// Whether an edge stays when its line falls before it is taken, as KVM's and QEMU's pairs have it; the chip
    /// forgets it.
    /// </summary>
    public bool KeepsPulses { get; init; }

    /// <summary>What was done that the data sheet does not allow.</summary>
    public List<string> Errors { get; } = [];

    /// <summary>Whether nothing is in service.</summary>
    public bool IsIdle => _primary.InService == 0 && _secondary.InService == 0;

    /// <summary>Whether the pair asks for the processor.</summary>
    public bool Asks
    {
        get
        {
            Update();
            return _primary.Highest >= 0;
        }
    }

    public byte Mask(int chip) => chip == 0 ? _primary.Mask : _secondary.Mask;

    /// <summary>A device drives its line.</summary>
    public void Drive(uint line, bool isHigh)
    {
        Chip chip = line < 8 ? _primary : _secondary;
        int bit = 1 << (int)(line & 7);
        bool isLevel = (Trigger >> (int)line & 1) != 0;
        bool wasHigh = (chip.Lines & bit) != 0;
        chip.Lines = (byte)(isHigh ? chip.Lines | bit : chip.Lines & ~bit);
        if (isHigh && (isLevel || !wasHigh))
        {
            chip.Requests |= (byte)bit;
        }
        else if (!isHigh && (isLevel || !KeepsPulses))
        {
            chip.Requests &= (byte)~bit;
        }
    }

    /// <summary>The processor takes the interrupt.</summary>
    /// <returns>Its line, which may be a spurious one.</returns>
    public uint Take()
    {
        Update();
        int line = TakeFrom(_primary, 0);
        return (uint)(line == 2 ? 8 + TakeFrom(_secondary, 8) : line);
    }

    /// <summary>The processor begins to take an interrupt of the secondary one.</summary>
    public void TakeCascade()
    {
        Update();
        TakeFrom(_primary, 0);
    }

    /// <summary>The processor takes what is there; after <see cref="TakeCascade"/>, from the secondary one.</summary>
    public uint TakeRest(uint expected) => expected < 8 ? Take() : 8 + (uint)TakeFrom(_secondary, 8);

    public override uint Read(ushort port, int bytes) => port switch
    {
        0x20 => _primary.ReadsInService ? _primary.InService : _primary.Requests,
        0x21 => _primary.Mask,
        0xA0 => _secondary.ReadsInService ? _secondary.InService : _secondary.Requests,
        0xA1 => _secondary.Mask,
        0x4D0 => Trigger & 0xFFu,
        0x4D1 => (uint)Trigger >> 8,
        _ => uint.MaxValue,
    };

    public override void Write(ushort port, int bytes, uint value)
    {
        switch (port)
        {
            case 0x20:
                Command(_primary, value);
                break;
            case 0xA0:
                Command(_secondary, value);
                break;
            case 0x21:
                Data(_primary, value);
                break;
            case 0xA1:
                Data(_secondary, value);
                break;
            case 0x4D0:
                Check((value & 0x07) == 0, "lines 0 to 2 are edge-triggered");
                Trigger = (ushort)((Trigger & 0xFF00u) | value);
                break;
            case 0x4D1:
                Check((value & 0x21) == 0, "lines 8 and 13 are edge-triggered");
                Trigger = (ushort)((Trigger & 0xFFu) | (value << 8));
                break;
        }
    }

    private int TakeFrom(Chip chip, int first)
    {
        int line = chip.Highest;
        if (line < 0)
        {
            return 7;
        }

        chip.InService |= (byte)(1 << line);
        if ((Trigger >> (first + line) & 1) == 0)
        {
            chip.Requests &= (byte)~(1 << line);
        }

        return line;
    }

    private void Update()
    {
        int cascade = 1 << 2;
        _primary.Requests = (byte)(_secondary.Highest >= 0
            ? _primary.Requests | cascade : _primary.Requests & ~cascade);
    }

    private void Command(Chip chip, uint value)
    {
        if ((value & 0x10) != 0)
        {
            chip.Words = 3;
            chip.Mask = 0;
            chip.InService = 0;
        }
        else if ((value & 0x08) != 0)
        {
            chip.ReadsInService = (value & 3) == 3;
        }
        else if ((value & 0xE0) == 0x60)
        {
            int bit = 1 << (int)(value & 7);
            Check((chip.InService & bit) != 0, "what is ended is in service");
            chip.InService &= (byte)~bit;
        }
        else
        {
            Check(false, "the end names its line");
        }
    }

    private static void Data(Chip chip, uint value)
    {
        if (chip.Words != 0)
        {
            chip.Words--;
            return;
        }

        chip.Mask = (byte)value;
    }

    private void Check(bool isRight, string error)
    {
        if (!isRight)
        {
            Errors.Add(error);
        }
    }

    private sealed class Chip
    {
        public byte Lines;
        public byte Requests;
        public byte InService;
        public byte Mask;
        public bool ReadsInService;
        public int Words;

        /// <summary>The request of the highest priority that nothing in service is above of, or -1.</summary>
        public int Highest
        {
            get
            {
                int asked = Requests & ~Mask & 0xFF;
                int line = asked == 0 ? -1 : BitOperations.TrailingZeroCount(asked);
                return InService != 0 && BitOperations.TrailingZeroCount(InService) <= line ? -1 : line;
            }
        }
    }
}
