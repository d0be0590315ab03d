using System;
using System.Collections.Generic;

namespace VirtioGuest.LibOS.Cpu;

/// <summary>
/// Stands in for the processor's instructions: ports go to <see cref="Ports"/>, everything else is kept in properties
/// that tests read and set.
/// </summary>
internal static unsafe class Processor
{
    private static readonly Dictionary<uint, ulong> s_registers = [];

    public static FakePorts Ports { get; set; } = new();

    /// <summary>The timestamp counter; each look at it moves it on by <see cref="TimestampStep"/>.</summary>
    public static ulong Timestamp { get; set; }

    public static ulong TimestampStep { get; set; } = 1;

    /// <summary>What RDRAND gives; null for a generator that never has anything.</summary>
    public static Func<ulong>? RandomSource { get; set; }

    public static PerCpu* CurrentProcessor { get; set; }

    /// <summary>The pages whose translation was forgotten, in order.</summary>
    public static List<ulong> InvalidatedPages { get; } = [];

    public static byte In8(ushort port) => (byte)Ports.Read(port, 1);

    public static ushort In16(ushort port) => (ushort)Ports.Read(port, 2);

    public static uint In32(ushort port) => Ports.Read(port, 4);

    public static void Out8(ushort port, byte value) => Ports.Write(port, 1, value);

    public static void Out16(ushort port, ushort value) => Ports.Write(port, 2, value);

    public static void Out32(ushort port, uint value) => Ports.Write(port, 4, value);

    public static ulong ReadTimestamp() => Timestamp += TimestampStep;

    public static ulong ReadMsr(uint register) => s_registers.GetValueOrDefault(register);

    public static void WriteMsr(uint register, ulong value) => s_registers[register] = value;

    /// <summary>What CPUID says, and what XSETBV does; null for a processor without any feature.</summary>
    public static FakeFeatures? Features { get; set; }

    public static void CpuId(uint leaf, uint subleaf, uint* result)
    {
        var answer = new Span<uint>(result, 4);
        answer.Clear();
        Features?.Read(leaf, subleaf, answer);
    }

    public static uint ReadRandom(ulong* value)
    {
        if (RandomSource is null)
        {
            return 0;
        }

        *value = RandomSource();
        return 1;
    }

    public static ulong FaultAddress() => 0;

    public static void InvalidatePage(ulong address) => InvalidatedPages.Add(address);

    public static void LoadPageTable(ulong physical) { }

    public static void LoadTask(ushort selector) { }

    public static void LoadInterruptTable(void* descriptor) { }

    public static void EnableXSave(ulong components) => Features?.EnableXSave(components);

    public static void DisableXSave() => Features?.DisableXSave();

    public static ulong ReadXcr0() => Features?.Xcr0 ?? 0;

    public static void Pause() { }

    public static void Halt() => throw new MachineHaltedException();

    public static void TripleFault() => throw new MachineHaltedException();

    public static void RaiseUnknownTrap() { }

    public static PerCpu* Current() => CurrentProcessor;

    public static void Resume() { }

    public static void SaveExtended(byte* area) { }

    public static ImageLayout* GetImageLayout() => throw new NotSupportedException("there is no image on the host");

    public static void Fill(void* destination, byte value, ulong count) =>
        new Span<byte>(destination, checked((int)count)).Fill(value);

    public static void Copy(void* destination, void* source, ulong count) =>
        Buffer.MemoryCopy(source, destination, count, count);

    public static void Move(void* destination, void* source, ulong count) =>
        Buffer.MemoryCopy(source, destination, count, count);
}

/// <summary>A port space in which nothing answers: reads give all ones, as on a PC.</summary>
internal class FakePorts
{
    public virtual uint Read(ushort port, int bytes) => uint.MaxValue;

    public virtual void Write(ushort port, int bytes, uint value) { }
}

/// <summary>The machine stopped for good: what a panic comes to in a test.</summary>
internal sealed class MachineHaltedException : Exception
{
    public MachineHaltedException()
        : base("the machine was halted")
    {
    }
}
