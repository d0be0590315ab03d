using System.Runtime.CompilerServices;

namespace VirtioGuest.LibOS.Memory;

/// <summary>
/// Accesses to registers of devices that LibOS drives itself: one access per call, in the order of the calls.
/// </summary>
/// <remarks>The host's tests put models of the devices here.</remarks>
internal static unsafe class DeviceRegisters
{
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static uint Read32(byte* register) => *(uint*)register;

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Write32(byte* register, uint value) => *(uint*)register = value;
}
