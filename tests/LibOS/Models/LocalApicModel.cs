using System;
using System.Collections.Generic;
using VirtioGuest.LibOS.Memory;

namespace VirtioGuest.LibOS.Tests.Models;

/// <summary>
/// A local APIC as the Intel SDM (volume 3A, chapter 'Advanced Programmable Interrupt Controller') describes it,
/// without an emulation's leniency: while it is disabled by software, all mask bits of the local vector table are set
/// and stay so; an illegal vector is an error whether the entry is masked or not, and so is a reserved register.
/// </summary>
internal sealed class LocalApicModel : IRegisterModel
{
    private const uint Masked = 1 << 16;
    private const uint Fixed = 0;

    private static readonly uint[] s_entries = [0x2F0, 0x320, 0x330, 0x340, 0x350, 0x360, 0x370];

    private readonly Dictionary<uint, uint> _registers = [];
    private readonly SortedSet<uint> _inService = [];
    private ulong _startedAt;

    /// <summary>The state after a reset: disabled by software, all entries masked.</summary>
    public LocalApicModel()
    {
        foreach (uint entry in s_entries)
        {
            _registers[entry] = Masked;
        }

        _registers[0xF0] = 0xFF;
    }

    /// <summary>What was done that the manual forbids.</summary>
    public List<string> Errors { get; } = [];

    /// <summary>The number of the last entry of the local vector table.</summary>
    public uint LastEntry { get; init; } = 6;

    /// <summary>The identification register.</summary>
    public uint Identifier { get; init; }

    /// <summary>How many timestamp ticks the timer takes to count one.</summary>
    public ulong TicksPerCount { get; init; } = 2;

    /// <summary>How many interrupts were ended.</summary>
    public int Ends { get; private set; }

    public bool IsEnabled => (_registers[0xF0] & 0x100) != 0;

    /// <summary>An entry or another register, as it stands.</summary>
    public uint this[uint offset]
    {
        get => _registers.GetValueOrDefault(offset);
        set => _registers[offset] = value;
    }

    /// <summary>Whether a line of the 8259 pair gets through.</summary>
    public bool PassesExternalInterrupts =>
        IsEnabled && (_registers[0x350] & Masked) == 0 && (_registers[0x350] >> 8 & 7) == 7;

    /// <summary>Puts a vector in service, as if what ran before had not ended it.</summary>
    public void Serve(uint vector) => _inService.Add(vector);

    public uint Read(uint offset)
    {
        switch (offset)
        {
            case 0x20:
                return Identifier;
            case 0x30:
                return 0x14 | (LastEntry << 16);
            case >= 0x100 and <= 0x170:
                uint word = 0;
                foreach (uint vector in _inService)
                {
                    word |= vector / 32 == (offset - 0x100) / 0x10 ? 1u << (int)(vector % 32) : 0;
                }

                return word;
            case 0x390:
                return CurrentCount();
            default:
                return _registers.GetValueOrDefault(offset);
        }
    }

    public void Write(uint offset, uint value)
    {
        if (offset == 0xB0)
        {
            Ends++;
            Check(value == 0, "EOI is written with 0");
            if (_inService.Count != 0)
            {
                _inService.Remove(_inService.Max);
            }

            return;
        }

        if (Array.IndexOf(s_entries, offset) >= 0)
        {
            bool isFixed = (value >> 8 & 7) == Fixed && offset != 0x350;
            Check(!isFixed || (value & 0xFF) >= 16, $"entry {offset:x}: illegal vector {value & 0xFF}");
            Check(offset != 0x2F0 || LastEntry >= 6, "there is no CMCI entry");
            value |= IsEnabled ? 0 : Masked;
        }

        _registers[offset] = value;
        _startedAt = offset == 0x380 ? Cpu.Processor.Timestamp : _startedAt;
        if (offset == 0xF0 && !IsEnabled)
        {
            foreach (uint entry in s_entries)
            {
                _registers[entry] |= Masked;
            }
        }
    }

    private uint CurrentCount()
    {
        ulong counted = (Cpu.Processor.ReadTimestamp() - _startedAt) / TicksPerCount;
        ulong initial = _registers.GetValueOrDefault(0x380u);
        return counted >= initial ? 0 : (uint)(initial - counted);
    }

    private void Check(bool isRight, string error)
    {
        if (!isRight)
        {
            Errors.Add(error);
        }
    }
}
