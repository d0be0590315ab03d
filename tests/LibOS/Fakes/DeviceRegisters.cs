using System.Collections.Generic;

namespace VirtioGuest.LibOS.Memory;

/// <summary>Registers at an address: the model of a device.</summary>
internal interface IRegisterModel
{
    uint Read(uint offset);

    void Write(uint offset, uint value);
}

/// <summary>Leads accesses to the models of devices; where there is none, all ones are read.</summary>
internal static unsafe class DeviceRegisters
{
    private const ulong WindowLength = 0x1000;

    private static readonly SortedList<ulong, IRegisterModel> s_models = [];

    /// <summary>Puts a model at an address, a multiple of 4 KB.</summary>
    public static byte* Place(ulong address, IRegisterModel model)
    {
        s_models[address] = model;
        return (byte*)address;
    }

    public static void Clear() => s_models.Clear();

    public static uint Read32(byte* register) =>
        s_models.TryGetValue(Base(register), out IRegisterModel? model)
            ? model.Read((uint)((ulong)register % WindowLength))
            : uint.MaxValue;

    public static void Write32(byte* register, uint value)
    {
        if (s_models.TryGetValue(Base(register), out IRegisterModel? model))
        {
            model.Write((uint)((ulong)register % WindowLength), value);
        }
    }

    private static ulong Base(byte* register) => (ulong)register / WindowLength * WindowLength;
}
