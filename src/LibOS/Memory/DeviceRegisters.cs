using System.Runtime.CompilerServices;

namespace VirtioGuest.LibOS.Memory;

/// <summary>
/// Accesses to registers of devices that LibOS drives itself: one access each, in the order in which they are written.
/// </summary>
/// <remarks>The host's tests put models of the devices here.</remarks>
internal static unsafe class DeviceRegisters
{
    /// <summary>Reads a register.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static uint Read32(byte* register) => *(uint*)register;

    /// <summary>Writes a register.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Write32(byte* register, uint value) => *(uint*)register = value;
}
