namespace VirtioGuest.LibOS.Cpu;

/// <summary>A port space in which nothing answers: reads give all ones, as on a PC.</summary>
internal class FakePorts
{
    public virtual uint Read(ushort port, int bytes) => uint.MaxValue;

    public virtual void Write(ushort port, int bytes, uint value) { }
}
