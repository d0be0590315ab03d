using System;
using System.IO;

namespace VirtioGuest.Build;

/// <summary>Deletes what was built.</summary>
internal static class Cleanup
{
    /// <summary>Empties the artifacts, this running tool excepted.</summary>
    public static void Run(Workspace workspace)
    {
        if (!Directory.Exists(workspace.Artifacts))
        {
            return;
        }

        string running = Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory);
        foreach (string folder in Directory.EnumerateDirectories(workspace.Artifacts))
        {
            if (folder != running)
            {
                Directory.Delete(folder, recursive: true);
            }
        }

        foreach (string file in Directory.EnumerateFiles(workspace.Artifacts))
        {
            File.Delete(file);
        }
    }
}
