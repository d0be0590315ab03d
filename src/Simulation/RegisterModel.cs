namespace VirtioGuest.Simulation;

/// <summary>What answers behind a window of device registers.</summary>
public abstract class RegisterModel
{
    /// <summary>Reads a register.</summary>
    /// <param name="offset">From the start of the model's range, a multiple of the width.</param>
    /// <param name="width">1, 2 or 4 bytes.</param>
    public abstract uint Read(uint offset, uint width);

    /// <summary>Writes a register.</summary>
    /// <param name="offset">From the start of the model's range, a multiple of the width.</param>
    /// <param name="width">1, 2 or 4 bytes.</param>
    /// <param name="value">No larger than the width allows.</param>
    public abstract void Write(uint offset, uint width, uint value);
}
